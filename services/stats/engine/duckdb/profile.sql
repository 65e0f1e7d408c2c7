SELECT us, event_type, event_id::VARCHAR, coalesce(properties, '')
FROM {{local}}
