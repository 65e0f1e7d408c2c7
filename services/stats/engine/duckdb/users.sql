-- Distinct first, then count: several times faster than count(DISTINCT user_key).
SELECT day, count(*)
FROM (SELECT DISTINCT day, user_key FROM {{local}})
GROUP BY day
ORDER BY day
