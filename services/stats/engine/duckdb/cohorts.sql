-- First a row for each user and bucket; everything before the first cohort is
-- one bucket. A user's cohort is the bucket of the earliest founding event,
-- wherever in time it lies.
WITH activity AS MATERIALIZED (
    SELECT user_key,
           CASE WHEN us < $start_us THEN DATE '0001-01-01' ELSE date_trunc('{{unit}}', day)::DATE END AS bucket,
           min(us) FILTER ($founding = '' OR event_type = $founding) AS founded,
           bool_or($returning = '' OR event_type = $returning) AS returned
    FROM {{local}}
    GROUP BY ALL
), cohorts AS (
    SELECT user_key, arg_min(bucket, founded) AS cohort
    FROM activity
    WHERE founded IS NOT NULL
    GROUP BY user_key
)
SELECT cohort, date_diff('{{unit}}', cohort, bucket) AS window_number, count(*)
FROM activity JOIN cohorts USING (user_key)
WHERE cohort BETWEEN $first_cohort::DATE AND $last_cohort::DATE
  AND (bucket = cohort OR bucket > cohort AND returned)
  AND window_number < $windows
GROUP BY ALL
ORDER BY ALL
