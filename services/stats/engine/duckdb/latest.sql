SELECT place, us
FROM {{local}}
WHERE {{behind}}
ORDER BY us DESC, event_id DESC
LIMIT $limit
