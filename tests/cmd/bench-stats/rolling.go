package main

import "fmt"

// rolling counts the users of a window of days that ends with each day.
func rolling(d days, window int, condition statements) statements {
	wide := days{d.from.AddDate(0, 0, 1-window), d.to}
	masks := wide.masks(condition, false)
	first, n, mask := number(d.from), d.length(), uint64(1)<<window-1
	return statements{
		fmt.Sprintf(`SELECT DATE '1970-01-01' + (%d + p)::INTEGER, sum(n)::BIGINT FROM (%s), range(0, %d) AS w (p)
WHERE (b >> p::UTINYINT) & %d::UBIGINT <> 0 GROUP BY 1 ORDER BY 1`, first, masks.duckdb, n, mask),
		fmt.Sprintf(`SELECT toDate(%d + p) AS d, sum(n) FROM (%s) ARRAY JOIN range(%d) AS p
WHERE bitAnd(bitShiftRight(b, p), %d) != 0 GROUP BY d ORDER BY d`, first, masks.clickhouse, n, mask),
	}
}

// cumulative counts for each day the users from the first day up to it.
func cumulative(d days, condition statements) statements {
	masks := d.masks(condition, false)
	first, n := number(d.from), d.length()
	return statements{
		fmt.Sprintf(`SELECT DATE '1970-01-01' + (%d + p)::INTEGER, sum(n)::BIGINT FROM (%s), range(0, %d) AS w (p)
WHERE b & ((2::UBIGINT << p::UTINYINT) - 1) <> 0 GROUP BY 1 ORDER BY 1`, first, masks.duckdb, n),
		fmt.Sprintf(`SELECT toDate(%d + p) AS d, sum(n) FROM (%s) ARRAY JOIN range(%d) AS p
WHERE bitAnd(b, bitShiftLeft(toUInt64(2), p) - 1) != 0 GROUP BY d ORDER BY d`, first, masks.clickhouse, n),
	}
}

// stickiness counts the users by the number of days on which they were active.
func stickiness(d days) statements {
	masks := d.masks(all, false)
	return statements{
		"SELECT bit_count(b), sum(n)::BIGINT FROM (" + masks.duckdb + ") GROUP BY 1 ORDER BY 1",
		"SELECT bitCount(b) AS buckets, sum(n) FROM (" + masks.clickhouse + ") GROUP BY buckets ORDER BY buckets",
	}
}

// lifecycle sorts the users of each day: bit 0 is all time before the day before the
// range, bit 1 that day.
func lifecycle(d days) statements {
	masks := days{d.from.AddDate(0, 0, -1), d.to}.masks(all, true)
	first, n := number(d.from), d.length()
	return statements{
		fmt.Sprintf(`
WITH s AS (
    SELECT p, n, (b >> (p + 2)::UTINYINT) & 1 AS now, (b >> (p + 1)::UTINYINT) & 1 AS before, b & ((2::UBIGINT << (p + 1)::UTINYINT) - 1) AS ever
    FROM (%s), range(0, %d) AS w (p)
)
SELECT DATE '1970-01-01' + (%d + p)::INTEGER, CASE WHEN now = 0 THEN 'dormant' WHEN before = 1 THEN 'returning' WHEN ever = 0 THEN 'new' ELSE 'resurrecting' END AS status, sum(n)::BIGINT
FROM s WHERE now = 1 OR before = 1 GROUP BY 1, 2 ORDER BY 1, 2`, masks.duckdb, n, first),
		fmt.Sprintf(`
SELECT toDate(%d + p) AS d, multiIf(now = 0, 'dormant', before = 1, 'returning', ever = 0, 'new', 'resurrecting') AS status, sum(n)
FROM (
    SELECT p, n, bitAnd(bitShiftRight(b, p + 2), 1) AS now, bitAnd(bitShiftRight(b, p + 1), 1) AS before, bitAnd(b, bitShiftLeft(toUInt64(2), p + 1) - 1) AS ever
    FROM (%s) ARRAY JOIN range(%d) AS p
) WHERE now = 1 OR before = 1 GROUP BY d, status ORDER BY d, status`, first, masks.clickhouse, n),
	}
}
