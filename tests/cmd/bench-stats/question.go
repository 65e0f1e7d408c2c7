package main

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"eventanalytics/tests/bench/history"
)

// question is asked of the service, and as SQL of DuckDB.
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
	// corrected is the original with its error fixed, best the best SQL we know.
	corrected, best string
}

// variants of a question; there are more than concurrent clients.
const variants = 40

// table is the DuckDB table's name. It has occurred_at, user_id, event_type and
// properties, as the original had, and user_key, type_key and country, the integers
// and the shredded column that the best SQL reads.
const table = "events"

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

// where bounds occurred_at to the range.
func (d days) where() string {
	return "occurred_at >= " + instant(d.from) + " AND occurred_at < " + instant(d.to.AddDate(0, 0, 1))
}

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

// daily counts distinct users a day: distinct first, then count.
func (d days) daily(condition string) string {
	return "SELECT DATE '1970-01-01' + d, count(*) FROM (SELECT DISTINCT " + d.day() + " AS d, user_key FROM " + table +
		" WHERE " + d.where() + condition + ") GROUP BY 1 ORDER BY 1"
}

// questions over the events of a history.
func questions(h history.Config) []*question {
	last := h.End.AddDate(0, 0, -1)
	ago := func(n int) time.Time { return last.AddDate(0, 0, -n) }
	month, year := newDays(ago(29), last, time.UTC), newDays(ago(min(h.Days, 365)-1), last, time.UTC)
	// common is the type of about every hundredth event.
	common := history.Type(10)

	return []*question{
		{
			name: "dau, 30 days", path: "dau", fields: []string{"date", "dau"},
			query: shifted(month), original: originalDAU(month), best: month.daily(""),
		}, {
			name: fmt.Sprintf("dau, %d days", min(h.Days, 365)), path: "dau", fields: []string{"date", "dau"},
			query: widened(year), original: originalDAU(year), best: year.daily(""),
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
			best:  month.daily(" AND type_key = (SELECT type_key FROM types WHERE event_type = '" + common + "')"),
		}, {
			name: "dau, 30 days, a common property", path: "dau", fields: []string{"date", "dau"},
			query: shifted(month, "segment", "properties.country=UA"),
			best:  month.daily(" AND country = 'UA'"),
		}, {
			name: "dau, 30 days, a rare property", path: "dau", fields: []string{"date", "dau"},
			query: shifted(month, "segment", "properties."+history.RareKey+"=SPRING"),
			best:  month.daily(" AND json_extract_string(properties, '$." + history.RareKey + "') = 'SPRING'"),
		}, {
			name: "active-users, window 30, 30 days", path: "active-users", fields: []string{"date", "active_users"},
			query: shifted(month, "window", "30"), best: rolling(month, 30),
		}, {
			name: "events by day and type, 30 days", path: "events", fields: []string{"bucket", "event_type", "events", "users"},
			query: shifted(month, "interval", "day", "by", "event_type"),
			best: "SELECT DATE '1970-01-01' + d, event_type, sum(n)::BIGINT, count(*) FROM (SELECT " + utcDay +
				" AS d, type_key, user_key, count(*) AS n FROM " + table + " WHERE " + month.where() +
				" GROUP BY ALL) JOIN types USING (type_key) GROUP BY ALL ORDER BY 1, 2",
		},
	}
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
		v.Set(more[i], more[i+1])
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
		query: shifted(month, "timezone", zone), best: month.daily(""),
	}
}

func originalDAU(d days) string {
	return "SELECT CAST(occurred_at AS DATE) AS date, COUNT(DISTINCT user_id) AS dau FROM " + table +
		" WHERE " + d.where() + " GROUP BY 1 ORDER BY 1"
}

func originalTop(d days) string {
	return "SELECT event_type, COUNT(*) AS total_count FROM " + table + " WHERE " + d.where() + " GROUP BY 1 ORDER BY 2 DESC LIMIT 10"
}

func bestTop(d days) string {
	return "SELECT event_type, n FROM (SELECT type_key, count(*) AS n FROM " + table + " WHERE " + d.where() +
		" GROUP BY 1) JOIN types USING (type_key) ORDER BY 2 DESC, 1 LIMIT 10"
}

const windows = 12

// weekly is retention of the cohorts of the last twelve weeks. The variants are
// shifted by days: most have the same weeks and differ in the last day only.
func weekly(name string, last time.Time, zone *time.Location) *question {
	d := newDays(last.AddDate(0, 0, -7*windows), last, zone)
	monday := d.from.AddDate(0, 0, -(int(d.from.Weekday())+6)%7)
	cohorts := int(number(d.to)-number(monday))/7 + 1
	all := days{monday, d.to.AddDate(0, 0, 7*windows)}
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
		best: masked(all, 7, number(monday), cohorts, windows, fmt.Sprintf("(%s - %d) // 7", all.day(), number(monday))),
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
	all := days{d.from, last}
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
		best: masked(all, 1, number(d.from), n, n, fmt.Sprintf("%s - %d", all.day(), number(d.from))),
	}
}

// masked is retention with a bit for each bucket in which a user was active; bit 0
// is all time before the first cohort. bucket counts from there, length is in
// days.
func masked(all days, length int, first int64, cohorts, windows int, bucket string) string {
	return fmt.Sprintf(`
WITH m AS (
    SELECT user_key, bit_or(1::UBIGINT << (CASE WHEN occurred_at < %[1]s THEN 0 ELSE %[2]s + 1 END)::UTINYINT) AS b
    FROM %[3]s WHERE occurred_at < %[4]s GROUP BY 1
), g AS (
    SELECT b, (bit_count(xor(b, b - 1)) - 1)::INTEGER AS i, count(*) AS n FROM m WHERE b & 1 = 0 GROUP BY 1
)
SELECT DATE '1970-01-01' + (%[5]d + %[6]d * (i - 1))::INTEGER, k, sum(n)::BIGINT
FROM g, range(0, %[7]d) AS w (k)
WHERE i <= %[8]d AND (b >> (i + k)::UTINYINT) & 1 = 1
GROUP BY 1, 2 ORDER BY 1, 2`,
		instant(all.from), bucket, table, instant(all.to.AddDate(0, 0, 1)), first, length, windows, cohorts)
}

// rolling counts the users of a window of days that ends with each day, with a bit
// for each day of activity.
func rolling(d days, window int) string {
	all := days{d.from.AddDate(0, 0, 1-window), d.to}
	return fmt.Sprintf(`
WITH m AS (
    SELECT user_key, bit_or(1::UBIGINT << (%[1]s - %[2]d)::UTINYINT) AS b FROM %[3]s WHERE %[4]s GROUP BY 1
), g AS (SELECT b, count(*) AS n FROM m GROUP BY 1)
SELECT DATE '1970-01-01' + (%[5]d + p)::INTEGER, sum(n)::BIGINT
FROM g, range(0, %[6]d) AS w (p)
WHERE (b >> p::UTINYINT) & %[7]d::UBIGINT <> 0
GROUP BY 1 ORDER BY 1`,
		all.day(), number(all.from), table, all.where(), number(d.from), number(d.to)-number(d.from)+1, uint64(1)<<window-1)
}
