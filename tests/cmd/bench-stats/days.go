package main

import (
	"fmt"
	"strings"
	"time"
)

// statements ask one question in the SQL of either engine. Dates, counts and groups
// come as the service has them.
type statements struct{ duckdb, clickhouse string }

// all the events there are.
var all = statements{}

// ofType holds for the events of a type, with the AND before it.
func ofType(name string) statements {
	return statements{
		" AND type_key = (SELECT type_key FROM types WHERE event_type = '" + name + "')",
		" AND event_type = '" + name + "'",
	}
}

// utcDay is a day's number, far cheaper than date_trunc.
const utcDay = "(epoch_us(occurred_at) // 86400000000)::INTEGER"

// days of a range in a zone: both inclusive.
type days struct {
	from, to time.Time // midnights of the zone
}

func newDays(from, to time.Time, zone *time.Location) days {
	in := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, zone) }
	return days{in(from), in(to)}
}

func instant(t time.Time) string {
	return "TIMESTAMPTZ '" + t.UTC().Format("2006-01-02 15:04:05") + "+00'"
}

// end is the first instant after the range.
func (d days) end() time.Time { return d.to.AddDate(0, 0, 1) }

// length of the range in days.
func (d days) length() int { return int(number(d.to)-number(d.from)) + 1 }

// where bounds occurred_at to the range.
func (d days) where() string {
	return "occurred_at >= " + instant(d.from) + " AND occurred_at < " + instant(d.end())
}

func clickHouseInstant(t time.Time) string {
	return "toDateTime64('" + t.UTC().Format("2006-01-02 15:04:05") + "', 6, 'UTC')"
}

func (d days) clickHouseWhere() string {
	return "occurred_at >= " + clickHouseInstant(d.from) + " AND occurred_at < " + clickHouseInstant(d.end())
}

// clickHouseDate is a local day.
func (d days) clickHouseDate() string {
	if d.from.Location() == time.UTC {
		return "toDate(occurred_at)"
	}
	return "toDate(occurred_at, '" + d.from.Location().String() + "')"
}

// clickHouseDay is a local day's number.
func (d days) clickHouseDay() string { return "toInt32(" + d.clickHouseDate() + ")" }

// day is the SQL of a local day's number, right for events of the range.
func (d days) day() string {
	if d.from.Location() == time.UTC {
		return utcDay
	}
	var cases strings.Builder
	at, end := d.from, d.to.AddDate(0, 0, 1)
	for {
		_, offset := at.Zone()
		_, next := at.ZoneBounds()
		if next.IsZero() || !next.Before(end) {
			if cases.Len() == 0 {
				return fmt.Sprintf("((epoch_us(occurred_at) + %d) // 86400000000)::INTEGER", int64(offset)*1e6)
			}
			return fmt.Sprintf("((epoch_us(occurred_at) + CASE%s ELSE %d END) // 86400000000)::INTEGER", &cases, int64(offset)*1e6)
		}
		fmt.Fprintf(&cases, " WHEN occurred_at < %s THEN %d", instant(next), int64(offset)*1e6)
		at = next
	}
}

// number of a date, in days since 1970.
func number(t time.Time) int64 {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Unix() / 86400
}

// daily counts distinct users a day. DuckDB is quickest with distinct first, then
// count; ClickHouse with uniqExact, at half the CPU of groupBitmap.
func (d days) daily(condition statements) statements {
	return statements{
		"SELECT DATE '1970-01-01' + d AS d, count(*) AS n FROM (SELECT DISTINCT " + d.day() + " AS d, user_key FROM " + table +
			" WHERE " + d.where() + condition.duckdb + ") GROUP BY 1 ORDER BY 1",
		"SELECT " + d.clickHouseDate() + " AS d, uniqExact(user_key) AS n FROM " + table +
			" WHERE " + d.clickHouseWhere() + condition.clickhouse + " GROUP BY d ORDER BY d",
	}
}

// dailyOf aggregates the events of each day.
func (d days) dailyOf(aggregate, condition statements) statements {
	return statements{
		"SELECT DATE '1970-01-01' + " + d.day() + " AS d, " + aggregate.duckdb + " FROM " + table +
			" WHERE " + d.where() + condition.duckdb + " GROUP BY 1 ORDER BY 1",
		"SELECT " + d.clickHouseDate() + " AS d, " + aggregate.clickhouse + " FROM " + table +
			" WHERE " + d.clickHouseWhere() + condition.clickhouse + " GROUP BY d ORDER BY d",
	}
}

// masks gives for each set of days of the range on which somebody was active the
// number of users with it, as columns b and n. Bit 0 is the first day; with earlier,
// it is all time before the range, and the first day is bit 1. A range has at most 63
// days.
func (d days) masks(condition statements, earlier bool) statements {
	duckdb := fmt.Sprintf("(%s - %d)", d.day(), number(d.from))
	clickhouse := fmt.Sprintf("%s - %d", d.clickHouseDay(), number(d.from))
	where, clickHouseWhere := d.where(), d.clickHouseWhere()
	if earlier {
		duckdb = fmt.Sprintf("(CASE WHEN occurred_at < %s THEN 0 ELSE %s + 1 END)", instant(d.from), duckdb)
		clickhouse = fmt.Sprintf("if(occurred_at < %s, 0, %s + 1)", clickHouseInstant(d.from), clickhouse)
		where, clickHouseWhere = "occurred_at < "+instant(d.end()), "occurred_at < "+clickHouseInstant(d.end())
	}
	return statements{
		fmt.Sprintf("SELECT b, count(*) AS n FROM (SELECT user_key, bit_or(1::UBIGINT << %s::UTINYINT) AS b FROM %s WHERE %s GROUP BY 1) GROUP BY 1",
			duckdb, table, where+condition.duckdb),
		fmt.Sprintf("SELECT b, count() AS n FROM (SELECT groupBitOr(bitShiftLeft(toUInt64(1), %s)) AS b FROM %s WHERE %s GROUP BY user_key) GROUP BY b",
			clickhouse, table, clickHouseWhere+condition.clickhouse),
	}
}
