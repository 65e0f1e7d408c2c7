SELECT event_type, sum(events)::BIGINT AS total_count, count(*) AS users
FROM (SELECT event_type, user_key, count(*) AS events FROM {{local}} GROUP BY event_type, user_key)
GROUP BY event_type
ORDER BY total_count DESC, event_type
LIMIT $limit
