SELECT day, toInt64(uniqExact(person))
FROM {{local}}
GROUP BY day
ORDER BY day
