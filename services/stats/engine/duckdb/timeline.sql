WITH events AS MATERIALIZED (
    SELECT place, event_id, us, event_type
    FROM {{local}}
)
SELECT place, us
FROM events
WHERE {{behind}}
ORDER BY us DESC, event_type DESC, event_id DESC
LIMIT $limit
