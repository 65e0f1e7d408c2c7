SELECT {{bucket}} AS bucket, {{group}} AS name, toInt64(count()) AS events, {{users}} AS users
FROM {{local}}
GROUP BY bucket, name
{{top}}
