-- First a row for each user and bucket; everything before the first cohort is
-- one bucket. A user's cohort is the bucket of the earliest founding event,
-- wherever in time it lies.
WITH activity AS MATERIALIZED (
    SELECT user_key,
           CASE WHEN us < $start_us THEN DATE '0001-01-01' ELSE date_trunc('{{unit}}', day)::DATE END AS bucket,
           min(us) FILTER (founds) AS founded,
           bool_or(returns) AS returned{{facts}}
    FROM (SELECT *, ({{founds}}) AS founds, ({{returns}}) AS returns{{fields}} FROM {{local}})
    GROUP BY ALL
), cohorts AS (
    SELECT user_key, arg_min(bucket, founded) AS cohort
    FROM activity
    WHERE founded IS NOT NULL
    GROUP BY user_key
), members AS (
    {{members}} cohort BETWEEN $first_cohort::DATE AND $last_cohort::DATE
), placed AS (
    {{placed}}
), visits AS (
    SELECT user_key, cohort, bucket, place, date_diff('{{unit}}', cohort, bucket) AS number, returned{{again}}{{placed_names}}
    FROM activity JOIN placed USING (user_key)
    WHERE bucket = cohort OR bucket > cohort AND returned
), counted AS (
    {{counted}}
)
SELECT cohort, place, counted_in, count(*){{values}}
FROM counted
GROUP BY cohort, place, counted_in
ORDER BY cohort, place < 0, place, counted_in
