SELECT {{bucket}} AS bucket, {{group}} AS name, count(*) AS events, 0 AS users
FROM {{local}}
GROUP BY bucket, name
{{top}}
