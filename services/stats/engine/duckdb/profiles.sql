-- Users with their history, as far as they are asked for.
SELECT user_id, first_seen, last_seen, events{{fields}}
FROM (
    SELECT user_key, {{name}} AS user_id, min(us) AS first_seen, max(us) AS last_seen, count(*) AS events{{values}}
    FROM {{history}}
    WHERE us < $until_us
    GROUP BY user_key
)
WHERE {{chosen}}
ORDER BY {{order}}
LIMIT $limit
