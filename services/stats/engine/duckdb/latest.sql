SELECT event_id::VARCHAR, us, user_id, event_type, coalesce(properties, '')
FROM {{local}}
ORDER BY us DESC, event_id DESC
LIMIT $limit
