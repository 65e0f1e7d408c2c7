SELECT bucket, event_type, sum(events)::BIGINT, count(*) AS users
FROM (
    SELECT {{bucket}} AS bucket, {{event_type}} AS event_type, user_key, count(*) AS events
    FROM {{local}}
    GROUP BY ALL
)
GROUP BY bucket, event_type
ORDER BY bucket, event_type
