-- The few sets of properties that events have are counted, not each property of each
-- event.
SELECT text_of(properties, $shape::BIGINT) AS shape, count(*)
FROM {{local}}
GROUP BY shape
