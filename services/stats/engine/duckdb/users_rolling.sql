-- A user counts from a day of activity until the window has passed over it, or
-- until the next such day, which counts for itself. The changes of that number,
-- summed up, are the answer.
WITH active AS (
    SELECT DISTINCT day, user_key FROM {{local}}
), stays AS (
    SELECT day AS begins,
           least(day + $window::INTEGER,
                 coalesce(lead(day) OVER (PARTITION BY user_key ORDER BY day), $last_date::DATE + $window::INTEGER)) AS ends
    FROM active
), changes AS (
    SELECT begins AS day, count(*) AS change FROM stays GROUP BY begins
    UNION ALL
    SELECT ends, -count(*) FROM stays GROUP BY ends
)
SELECT day, (sum(sum(change)) OVER (ORDER BY day))::BIGINT
FROM changes
GROUP BY day
ORDER BY day
