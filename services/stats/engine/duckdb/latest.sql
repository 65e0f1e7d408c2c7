SELECT place, us
FROM {{local}}
ORDER BY us DESC, event_id DESC
LIMIT $limit
