-- Distinct first, then count: several times faster than count(DISTINCT user_id).
SELECT day, count(*)
FROM (SELECT DISTINCT day, user_id FROM {{local}})
GROUP BY day
ORDER BY day
