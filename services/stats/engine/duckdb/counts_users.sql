SELECT bucket, name, sum(n)::BIGINT AS events, count(*) AS users
FROM (
    SELECT {{bucket}} AS bucket, {{group}} AS name, user_key, count(*) AS n
    FROM {{local}}
    GROUP BY ALL
)
GROUP BY bucket, name
{{top}}
