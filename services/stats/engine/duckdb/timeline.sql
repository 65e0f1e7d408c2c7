WITH events AS MATERIALIZED (
    SELECT event_id, us, user_id, event_type, properties
    FROM {{local}}
)
SELECT event_id::VARCHAR, us, user_id, event_type, coalesce(properties, '')
FROM events
WHERE {{behind}}
ORDER BY us DESC, event_type DESC, event_id DESC
LIMIT $limit
