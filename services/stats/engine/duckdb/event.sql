SELECT event_id::VARCHAR, us, user_id, event_type, coalesce(properties, '')
FROM {{local}}
WHERE event_id = $event_id::UUID
