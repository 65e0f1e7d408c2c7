package main

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"eventanalytics/tests/bench/history"
)

// question is asked of the service, and as SQL of DuckDB and ClickHouse.
type question struct {
	name string
	path string // below /api/stats/
	// fields of a row, in the order of the columns of the SQL.
	fields []string
	// query of a variant. Variants differ so that the service cannot share one answer
	// among them; the answer of variant 0 is compared.
	query func(variant int) url.Values

	// original is what the Python service ran; it counts users by their texts. It is
	// empty if that had nothing similar.
	original string
	// differs says that the original's answer differs: its retention counts a user
	// into the cohort of every week of activity.
	differs bool
	// corrected is the original with its error fixed.
	corrected string
	// best is the best SQL we know.
	best statements
	// unserved says that the service has no such route.
	unserved bool
}

// variants of a question; there are more than concurrent clients.
const variants = 40

// table is the name of DuckDB's table and of ClickHouse's. DuckDB's has occurred_at,
// user_id, event_type and properties, as the original had, and what the best SQL reads:
// user_key and type_key, integers, and the properties country, item_id and price in
// columns of their own.
const table = "events"

// questions over the events of a history.
func questions(h history.Config) []*question {
	last := h.End.AddDate(0, 0, -1)
	ago := func(n int) time.Time { return last.AddDate(0, 0, -n) }
	month, year := newDays(ago(29), last, time.UTC), newDays(ago(min(h.Days, 365)-1), last, time.UTC)
	// common is the type of about every hundredth event.
	common := history.Type(10)

	return append([]*question{
		{
			name: "dau, 30 days", path: "dau", fields: []string{"date", "dau"},
			query: shifted(month), original: originalDAU(month), best: month.daily(all),
		}, {
			name: fmt.Sprintf("dau, %d days", min(h.Days, 365)), path: "dau", fields: []string{"date", "dau"},
			query: widened(year), original: originalDAU(year), best: year.daily(all),
		}, {
			name: "top-events, 30 days", path: "top-events", fields: []string{"event_type", "total_count"},
			query: shifted(month), original: originalTop(month), best: bestTop(month),
		}, {
			name: fmt.Sprintf("top-events, %d days", min(h.Days, 365)), path: "top-events", fields: []string{"event_type", "total_count"},
			query: widened(year), original: originalTop(year), best: bestTop(year),
		},
		weekly("retention, weekly, 12 windows", last, time.UTC),
		daily(last),
		inZone("dau, 30 days", "Asia/Kathmandu", last),
		inZone("dau, 30 days", "America/St_Johns", last),
		inZone("dau, 30 days", "Europe/Kyiv", last),
		weekly("retention, weekly, 12 windows", last, location("Asia/Kathmandu")),
		{
			name: "dau, 30 days, one event type", path: "dau", fields: []string{"date", "dau"},
			query: shifted(month, "segment", "event_type:"+common),
			best:  month.daily(ofType(common)),
		}, {
			name: "dau, 30 days, a common property", path: "dau", fields: []string{"date", "dau"},
			query: shifted(month, "segment", "properties.country=UA"),
			best:  month.daily(statements{" AND country = 'UA'", " AND country = 'UA'"}),
		}, {
			name: "dau, 30 days, a rare property", path: "dau", fields: []string{"date", "dau"},
			query: shifted(month, "segment", "properties."+history.RareKey+"=SPRING"),
			best: month.daily(statements{
				" AND json_extract_string(properties, '$." + history.RareKey + "') = 'SPRING'",
				" AND properties." + history.RareKey + ".:String = 'SPRING'",
			}),
		}, {
			name: "active-users, window 30, 30 days", path: "active-users", fields: []string{"date", "active_users"},
			query: shifted(month, "window", "30"), best: rolling(month, 30, all),
		}, {
			name: "events by day and type, 30 days", path: "events", fields: []string{"bucket", "event_type", "events", "users"},
			query: shifted(month, "interval", "day", "by", "event_type"),
			best:  byType(month),
		},
	}, append(analytics(month), walks(h, month)...)...)
}

// shifted moves the range a day back for each variant.
func shifted(d days, more ...string) func(int) url.Values {
	return func(variant int) url.Values {
		return ranged(d.from.AddDate(0, 0, -variant), d.to.AddDate(0, 0, -variant), more)
	}
}

// widened starts a day earlier for each variant, before the first event: the range
// always holds all events.
func widened(d days, more ...string) func(int) url.Values {
	return func(variant int) url.Values { return ranged(d.from.AddDate(0, 0, -variant), d.to, more) }
}

func ranged(from, to time.Time, more []string) url.Values {
	v := url.Values{"from": {from.Format(time.DateOnly)}, "to": {to.Format(time.DateOnly)}}
	for i := 0; i < len(more); i += 2 {
		v.Add(more[i], more[i+1])
	}
	return v
}

func location(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err) // time/tzdata is linked in
	}
	return zone
}

func inZone(name, zone string, last time.Time) *question {
	month := newDays(last.AddDate(0, 0, -29), last, location(zone))
	return &question{
		name: name + ", " + zone, path: "dau", fields: []string{"date", "dau"},
		query: shifted(month, "timezone", zone), best: month.daily(all),
	}
}

func originalDAU(d days) string {
	return "SELECT CAST(occurred_at AS DATE) AS date, COUNT(DISTINCT user_id) AS dau FROM " + table +
		" WHERE " + d.where() + " GROUP BY 1 ORDER BY 1"
}

func originalTop(d days) string {
	return "SELECT event_type, COUNT(*) AS total_count FROM " + table + " WHERE " + d.where() + " GROUP BY 1 ORDER BY 2 DESC LIMIT 10"
}

func bestTop(d days) statements {
	return statements{
		"SELECT event_type, n FROM (SELECT type_key, count(*) AS n FROM " + table + " WHERE " + d.where() +
			" GROUP BY 1) JOIN types USING (type_key) ORDER BY 2 DESC, 1 LIMIT 10",
		"SELECT event_type, count() AS n FROM " + table + " WHERE " + d.clickHouseWhere() +
			" GROUP BY event_type ORDER BY n DESC, event_type LIMIT 10",
	}
}

func byType(d days) statements {
	return statements{
		"SELECT DATE '1970-01-01' + d, event_type, sum(n)::BIGINT, count(*) FROM (SELECT " + d.day() +
			" AS d, type_key, user_key, count(*) AS n FROM " + table + " WHERE " + d.where() +
			" GROUP BY ALL) JOIN types USING (type_key) GROUP BY ALL ORDER BY 1, 2",
		"SELECT " + d.clickHouseDate() + " AS d, event_type, count(), uniqExact(user_key) FROM " + table +
			" WHERE " + d.clickHouseWhere() + " GROUP BY d, event_type ORDER BY d, event_type",
	}
}

// limited asks for so many rows of all time; each variant for one less, which no other
// asks for.
func limited(n int) func(int) url.Values {
	return func(variant int) url.Values { return url.Values{"limit": {strconv.Itoa(n - variant)}} }
}
