package main

import (
	"fmt"
	"net/url"
	"strconv"
	"time"
)

const windows = 12

// weekly is retention of the cohorts of the last twelve weeks. The variants are
// shifted by days: most have the same weeks and differ in the last day only.
func weekly(name string, last time.Time, zone *time.Location) *question {
	d := newDays(last.AddDate(0, 0, -7*windows), last, zone)
	monday := d.from.AddDate(0, 0, -(int(d.from.Weekday())+6)%7)
	cohorts := int(number(d.to)-number(monday))/7 + 1
	whole := days{monday, d.to.AddDate(0, 0, 7*windows)}
	q := &question{
		name: name, path: "retention", fields: []string{"cohort_week", "week_number", "retained_users"},
		query: func(variant int) url.Values {
			v := url.Values{
				"start_date":  {d.from.AddDate(0, 0, -variant).Format(time.DateOnly)},
				"end_date":    {d.to.AddDate(0, 0, -variant).Format(time.DateOnly)},
				"windows":     {strconv.Itoa(windows)},
				"granularity": {"week"}, "cohort": {"first_ever"},
			}
			if zone != time.UTC {
				v.Set("timezone", zone.String())
			}
			return v
		},
		best: masked(whole, 7, cohorts, windows),
	}
	if zone != time.UTC {
		q.name += ", " + zone.String()
		return q
	}
	start := "CAST('" + monday.Format(time.DateOnly) + "' AS DATE)"
	q.original, q.differs = fmt.Sprintf(`
WITH FirstActivity AS (
    SELECT user_id, date_trunc('week', occurred_at) AS cohort_week FROM %[1]s WHERE occurred_at >= %[2]s GROUP BY 1, 2
), WeeklyActivity AS (
    SELECT fa.cohort_week, date_trunc('week', se.occurred_at) AS activity_week, se.user_id
    FROM %[1]s se JOIN FirstActivity fa ON se.user_id = fa.user_id
    WHERE se.occurred_at >= %[2]s GROUP BY 1, 2, 3
)
SELECT cohort_week::DATE, date_diff('week', cohort_week, activity_week) AS w, COUNT(DISTINCT user_id)
FROM WeeklyActivity WHERE w BETWEEN 0 AND %[3]d GROUP BY 1, 2 ORDER BY 1, 2`, table, start, windows-1), true
	q.corrected = fmt.Sprintf(`
WITH f AS (SELECT user_id, min(date_trunc('week', occurred_at)) AS c FROM %[1]s GROUP BY 1)
SELECT c::DATE, date_diff('week', c, date_trunc('week', occurred_at)) AS w, COUNT(DISTINCT user_id)
FROM %[1]s JOIN f USING (user_id)
WHERE occurred_at >= %[2]s AND c >= %[2]s AND w BETWEEN 0 AND %[3]d GROUP BY 1, 2 ORDER BY 1, 2`, table, start, windows-1)
	return q
}

// daily is retention by day, thirty cohorts and as many windows.
func daily(last time.Time) *question {
	const n = 30
	d := newDays(last.AddDate(0, 0, -2*n+1), last.AddDate(0, 0, -n), time.UTC)
	whole := days{d.from, last}
	return &question{
		name: "retention, daily, 30 cohorts × 30 windows", path: "retention", fields: []string{"cohort_day", "day_number", "retained_users"},
		query: func(variant int) url.Values {
			return url.Values{
				"start_date":  {d.from.AddDate(0, 0, -variant).Format(time.DateOnly)},
				"end_date":    {d.to.AddDate(0, 0, -variant).Format(time.DateOnly)},
				"windows":     {strconv.Itoa(n)},
				"granularity": {"day"}, "cohort": {"first_ever"},
			}
		},
		best: masked(whole, 1, n, n),
	}
}

// masked is retention with a bit for each bucket of so many days in which a user was
// active, from the first day of the range; bit 0 is all time before.
func masked(d days, length, cohorts, windows int) statements {
	first := number(d.from)
	return statements{fmt.Sprintf(`
WITH m AS (
    SELECT user_key, bit_or(1::UBIGINT << (CASE WHEN occurred_at < %[1]s THEN 0 ELSE (%[2]s - %[5]d) // %[6]d + 1 END)::UTINYINT) AS b
    FROM %[3]s WHERE occurred_at < %[4]s GROUP BY 1
), g AS (
    SELECT b, (bit_count(xor(b, b - 1)) - 1)::INTEGER AS i, count(*) AS n FROM m WHERE b & 1 = 0 GROUP BY 1
)
SELECT DATE '1970-01-01' + (%[5]d + %[6]d * (i - 1))::INTEGER, k, sum(n)::BIGINT
FROM g, range(0, %[7]d) AS w (k)
WHERE i <= %[8]d AND (b >> (i + k)::UTINYINT) & 1 = 1
GROUP BY 1, 2 ORDER BY 1, 2`,
		instant(d.from), d.day(), table, instant(d.end()), first, length, windows, cohorts),
		fmt.Sprintf(`
SELECT toDate(%[5]d + %[6]d * (i - 1)) AS d, k, sum(n) FROM (
    SELECT b, bitCount(bitXor(b, b - 1)) - 1 AS i, count() AS n FROM (
        SELECT groupBitOr(bitShiftLeft(toUInt64(1), if(occurred_at < %[1]s, 0, intDiv(%[2]s - %[5]d, %[6]d) + 1))) AS b
        FROM %[3]s WHERE occurred_at < %[4]s GROUP BY user_key
    ) WHERE bitAnd(b, 1) = 0 GROUP BY b
) ARRAY JOIN range(%[7]d) AS k
WHERE i <= %[8]d AND bitAnd(bitShiftRight(b, i + k), 1) = 1
GROUP BY d, k ORDER BY d, k`,
			clickHouseInstant(d.from), d.clickHouseDay(), table, clickHouseInstant(d.end()), first, length, windows, cohorts),
	}
}
