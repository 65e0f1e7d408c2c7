-- A user counts from a day of activity until the window has passed over it, or until the
-- next such day, which counts for itself: these are the changes of that number.
SELECT change.1 AS day, toInt64(sum(change.2))
FROM (
    SELECT arrayJoin(arrayConcat(
        arrayMap(begin -> (begin, toInt64(1)), days),
        arrayMap((begin, next) -> (least(begin + {{window}}, next), toInt64(-1)), days, arrayPushBack(arrayPopFront(days), {{last}} + {{window}}))
    )) AS change
    FROM (SELECT arraySort(groupUniqArray(day)) AS days FROM {{local}} GROUP BY person)
)
GROUP BY day
ORDER BY day
