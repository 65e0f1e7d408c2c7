SELECT {{field}} AS name, min(us), max(us)
FROM {{local}}
GROUP BY name
ORDER BY name
