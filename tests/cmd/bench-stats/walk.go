package main

import (
	"fmt"
	"strings"
	"time"

	"eventanalytics/tests/bench/history"
)

const (
	sessionGap   = 30 * time.Minute
	funnelWindow = 7 * 24 * time.Hour
	dayMicros    = int64(24 * time.Hour / time.Microsecond)
	never        = "-9000000000000000" // µs: before all events
)

// walks are the questions that need each user's events in their order, and those about
// one user. Users have hardly ever two events of the same instant, so that the order of
// these does not matter to the SQL.
func walks(h history.Config, month days) []*question {
	steps := []string{history.Type(1), history.Type(2), history.Type(10)}
	priced := fmt.Sprintf(`{"event": %q, "filter": "properties.price>100"}`, steps[1])
	user := someUser(h)
	return []*question{
		{
			name: "funnel, 3 steps, 30 days", path: "funnels", fields: []string{"step", "users"},
			query: shifted(month, "steps", steps[0], "steps", steps[1], "steps", steps[2], "window", "7d"),
			best:  funnel(month, steps, statements{}, ""),
		}, {
			name: "funnel, a filter, by country, 30 days", path: "funnels", fields: []string{"properties.country", "step", "users"},
			query: shifted(month, "steps", steps[0], "steps", priced, "steps", steps[2], "window", "7d", "breakdown", "properties.country", "top", "50"),
			best:  funnel(month, steps, statements{" AND price > 100", " AND price > 100"}, "country"),
		}, {
			name: "paths, 5 steps, sessions, 30 days", path: "paths", fields: []string{"step", "source", "target", "target_group", "paths", "users"},
			query: shifted(month, "steps", "5", "top", "50"), best: paths(month, 5),
		}, {
			name: "sessions a day, 30 days", path: "sessions", fields: []string{"bucket", "sessions", "users", "bounces", "avg_seconds"},
			query: shifted(month, "interval", "day"), best: sessions(month),
		}, {
			name: "one user's timeline, 50 rows", path: "profiles/" + user + "/events", fields: []string{"user_id", "event_type"},
			query: limited(50), best: newest(" WHERE user_id = '"+user+"'", 50),
		}, {
			name: "latest 50 events", path: "events/latest", fields: []string{"user_id", "event_type"},
			query: limited(50), best: newest("", 50),
		},
	}
}

// someUser is the one with the most of the first events.
func someUser(h history.Config) (user string) {
	events, err := history.Events(h)
	if err != nil {
		panic(err) // the options were checked
	}
	counts, seen := map[string]int{}, 0
	for e := range events {
		counts[e.UserID]++
		if counts[e.UserID] > counts[user] {
			user = e.UserID
		}
		if seen++; seen == 100_000 {
			break
		}
	}
	return user
}

// funnel counts the users by how far the best of their attempts got. Steps are of types
// that differ; condition is one on the second. by is a column that is the same in all of
// a user's events, or empty.
func funnel(d days, steps []string, condition statements, by string) statements {
	of := func(i int, more string) string {
		return "(SELECT user_key AS u, epoch_us(occurred_at) AS t" + strings.TrimSuffix(", "+by, ", ") + " FROM " + table + " WHERE " + d.where() + ofType(steps[i]).duckdb + more + ")"
	}
	group := strings.TrimSuffix(by+", ", ", ")
	selected, grouped := "", "u"
	if by != "" {
		selected, grouped = group+", ", "u, "+group
	}
	window := funnelWindow.Microseconds()
	list := fmt.Sprintf("event_type = '%s', event_type = '%s'%s, event_type = '%s'", steps[0], steps[1], strings.Replace(condition.clickhouse, "price", "ifNull(price, 0)", 1), steps[2])
	level := fmt.Sprintf("windowFunnel(%d)(toUInt64(toUnixTimestamp64Micro(occurred_at)), %s) AS n", window, list)
	return statements{
		fmt.Sprintf(`
WITH x AS (SELECT a.*, b.t AS t2 FROM %[1]s AS a ASOF LEFT JOIN %[2]s AS b ON a.u = b.u AND b.t >= a.t),
y AS (SELECT x.*, c.t AS t3 FROM x ASOF LEFT JOIN %[3]s AS c ON x.u = c.u AND c.t >= x.t2),
s AS (SELECT %[4]s, max(CASE WHEN t2 IS NULL OR t2 - t > %[5]d THEN 1 WHEN t3 IS NULL OR t3 - t > %[5]d THEN 2 ELSE 3 END) AS n FROM y GROUP BY ALL)
SELECT %[6]sk, count(*) FROM s, range(1, 4) AS w (k) WHERE n >= k GROUP BY ALL`,
			of(0, ""), of(1, condition.duckdb), of(2, ""), grouped, window, selected),
		fmt.Sprintf("SELECT %[1]sk, count() FROM (SELECT user_key AS u%[2]s, %[3]s FROM %[4]s WHERE %[5]s AND event_type IN ('%[6]s') GROUP BY u%[2]s) "+
			"ARRAY JOIN [1, 2, 3] AS k WHERE n >= k GROUP BY %[1]sk ORDER BY %[1]sk",
			selected, strings.TrimSuffix(", "+group, ", "), level, table, d.clickHouseWhere(), strings.Join(steps, "', '")),
	}
}

// since is the range with what decides whether its first events begin a session.
func (d days) since(gap time.Duration) (duckdb, clickhouse string) {
	from := d.from.Add(-gap)
	return "occurred_at >= " + instant(from) + " AND occurred_at < " + instant(d.end()),
		"occurred_at >= " + clickHouseInstant(from) + " AND occurred_at < " + clickHouseInstant(d.end())
}

// split is ClickHouse's list of the sessions that begin in the range, each a list of what
// element makes of events.
func (d days) split(element, times string) string {
	_, where := d.since(sessionGap)
	return fmt.Sprintf(`(
    SELECT u, arrayJoin(arraySplit((e, s) -> s, list, arrayMap(x -> x > %d, arrayDifference(%s)))) AS session
    FROM (SELECT user_key AS u, arraySort(groupArray(%s)) AS list FROM %s WHERE %s GROUP BY u)
)`, sessionGap.Microseconds(), times, element, table, where)
}

// sessions are counted on the day of their first event.
func sessions(d days) statements {
	where, _ := d.since(sessionGap)
	gap, first := sessionGap.Microseconds(), d.from.UnixMicro()
	return statements{
		fmt.Sprintf(`
WITH g AS (
    SELECT u, t, t - lag(t, 1, %[1]s) OVER p > %[2]d AS begins, coalesce(lead(t) OVER p - t > %[2]d, true) AS ends
    FROM (SELECT user_key AS u, epoch_us(occurred_at) AS t FROM %[3]s WHERE %[4]s) WINDOW p AS (PARTITION BY u ORDER BY t)
), x AS (
    SELECT u, t, begins, ends, CASE WHEN ends THEN t ELSE lead(t) OVER (PARTITION BY u ORDER BY t, begins DESC, ends) END AS last FROM g WHERE begins OR ends
)
SELECT DATE '1970-01-01' + (t // %[5]d)::INTEGER, count(*), count(DISTINCT u), count(*) FILTER (ends), avg((last - t) / 1e6)
FROM x WHERE begins AND t >= %[6]d GROUP BY 1 ORDER BY 1`, never, gap, table, where, dayMicros, first),
		fmt.Sprintf(`
SELECT toDate(fromUnixTimestamp64Micro(session[1], 'UTC')) AS d, count(), uniqExact(u), countIf(length(session) = 1), avg((session[-1] - session[1]) / 1e6)
FROM %s WHERE session[1] >= %d GROUP BY d ORDER BY d`, d.split("toUnixTimestamp64Micro(occurred_at)", "list"), first),
	}
}

// paths go through the types of a session's events, neighbours of one type taken together,
// up to so many steps.
func paths(d days, steps int) statements {
	where, _ := d.since(sessionGap)
	gap, first := sessionGap.Microseconds(), d.from.UnixMicro()
	return statements{
		fmt.Sprintf(`
WITH g AS (
    SELECT u, t, k, (t - lag(t, 1, %[1]s) OVER (PARTITION BY u ORDER BY t, k) > %[2]d)::INTEGER AS begins
    FROM (SELECT user_key AS u, epoch_us(occurred_at) AS t, type_key AS k FROM %[3]s WHERE %[4]s)
), i AS (SELECT u, t, k, sum(begins) OVER (PARTITION BY u ORDER BY t, k ROWS UNBOUNDED PRECEDING) AS session FROM g
), b AS (SELECT u, session, t, k, min(t) OVER (PARTITION BY u, session) AS first, lag(k) OVER (PARTITION BY u, session ORDER BY t, k) AS before FROM i
), n AS (
    SELECT u, k, row_number() OVER p AS n, lead(k) OVER p AS next
    FROM b WHERE first >= %[5]d AND before IS DISTINCT FROM k WINDOW p AS (PARTITION BY u, session ORDER BY t, k)
)
SELECT n, s.event_type, e.event_type, CASE WHEN next IS NULL THEN 'end' ELSE 'value' END, paths, users
FROM (SELECT n, k, next, count(*) AS paths, count(DISTINCT u) AS users FROM n WHERE n < %[6]d GROUP BY ALL)
JOIN types AS s ON s.type_key = k LEFT JOIN types AS e ON e.type_key = next`, never, gap, table, where, first, steps),
		fmt.Sprintf(`
SELECT n, nodes[n] AS source, if(n < length(nodes), nodes[n + 1], NULL) AS target, if(n < length(nodes), 'value', 'end') AS g, count(), uniqExact(u)
FROM (SELECT u, arrayCompact(session.2) AS nodes FROM %[1]s WHERE session[1].1 >= %[2]d)
ARRAY JOIN range(1, least(length(nodes), %[3]d) + 1) AS n GROUP BY n, source, target, g`,
			d.split("(toUnixTimestamp64Micro(occurred_at), toString(event_type))", "list.1"), first, steps-1),
	}
}

// newest are the last events that fit a condition.
func newest(condition string, n int) statements {
	return both(fmt.Sprintf("SELECT user_id, event_type FROM %s%s ORDER BY occurred_at DESC LIMIT %d", table, condition, n))
}

// both asks either engine the same.
func both(sql string) statements { return statements{sql, sql} }
