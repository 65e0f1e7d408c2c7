SELECT {{field}} AS name, min(us), max(us)
FROM {{local}}
WHERE {{field}} > $after::VARCHAR
GROUP BY name
ORDER BY name
LIMIT $limit
