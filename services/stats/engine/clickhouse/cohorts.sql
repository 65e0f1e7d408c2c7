-- A row for each user and bucket first; everything before the first cohort is one bucket. A
-- user's cohort is the bucket of the earliest founding event.
WITH activity AS (
    SELECT person, {{bucket}} AS bucket, max(founds) AS founded, minIf(us, founds) AS founded_us, max(returns) AS returned
    FROM (SELECT *, toUInt8({{founds}}) AS founds, toUInt8({{returns}}) AS returns FROM {{local}})
    GROUP BY person, bucket
), members AS (
    SELECT argMinIf(bucket, founded_us, founded) AS cohort, groupArrayIf(bucket, returned) AS returns
    FROM activity
    GROUP BY person
    HAVING max(founded) AND cohort BETWEEN {{first}} AND {{last}}
), visits AS (
    SELECT cohort, arrayFilter(number -> number > 0, arrayMap(bucket -> {{number}}, returns)) AS numbers
    FROM members
)
SELECT cohort, counted_in, toInt64(count())
FROM (SELECT cohort, arrayJoin(arrayPushFront({{windows}}, toInt64(-1))) AS counted_in FROM visits)
GROUP BY cohort, counted_in
ORDER BY cohort, counted_in
