SELECT event_type, min(us), max(us)
FROM {{local}}
GROUP BY event_type
ORDER BY event_type
