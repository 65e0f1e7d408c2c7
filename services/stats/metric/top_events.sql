SELECT event_type, count(*) AS total_count
FROM {{local}}
GROUP BY event_type
ORDER BY total_count DESC, event_type
LIMIT $limit
