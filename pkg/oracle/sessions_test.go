package oracle_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/oracle"
)

// visited are the events of two users: a has sessions of three events on the 4th, two
// around midnight of the 5th, and one on the 6th; b one of two events on the 5th.
var visited = []oracle.Event{
	{ID: "1", UserID: "a", Type: "open", At: at("2025-08-04T10:00:00Z"), Properties: `{"n":"x"}`},
	{ID: "2", UserID: "a", Type: "view", At: at("2025-08-04T10:30:00Z"), Properties: `{"c":"UA"}`}, // exactly 30 minutes
	{ID: "3", UserID: "a", Type: "buy", At: at("2025-08-04T10:30:00Z"), Properties: `{"c":"PL"}`},  // buy comes before view
	{ID: "4", UserID: "a", Type: "view", At: at("2025-08-05T23:50:00Z")},
	{ID: "5", UserID: "a", Type: "buy", At: at("2025-08-06T00:20:00Z")},
	{ID: "6", UserID: "a", Type: "open", At: at("2025-08-06T00:50:00.000001Z"), Properties: `{"c":"UA"}`}, // a microsecond too late
	{ID: "7", UserID: "b", Type: "open", At: at("2025-08-05T09:00:00Z"), Properties: `{"c":"PL"}`},
	{ID: "8", UserID: "b", Type: "open", At: at("2025-08-05T09:00:01Z"), Properties: `{"c":"UA"}`},
}

func sessions(from, to string) oracle.Sessions {
	return oracle.Sessions{
		Scope: oracle.Scope{From: from, To: to, Zone: time.UTC, Now: at("2026-01-01T00:00:00Z"), CompleteUntil: at("2026-01-01T00:00:00Z")},
		Split: oracle.Split{Top: 10, Other: true}, Interval: "day", Gap: 30 * time.Minute,
	}
}

func requireSessions(t *testing.T, q oracle.Sessions, want ...string) {
	t.Helper()
	var got []string
	for _, row := range q.Rows(visited) {
		got = append(got, line(q.Cells(row)...))
	}
	require.Equal(t, want, got)
}

func TestSessions(t *testing.T) {
	t.Parallel()
	// bucket, sessions, users, a user, events, bounces, rate, average, median.
	q := sessions("2025-08-04", "2025-08-06")
	requireSessions(t, q, "2025-08-04 1 1 1 3 0 0 1800 1800", "2025-08-05 2 2 1 2 0 0 900.5 900.5", "2025-08-06 1 1 1 1 1 1 0 0")
	q.Interval = "all"
	requireSessions(t, q, "2025-08-04 4 2 2 2 1 0.25 900.25 900.5") // 0, 1, 1800, 1800
	q.Fill, q.From, q.Interval = true, "2025-08-03", "day"
	require.Equal(t, "2025-08-03 0 0 null null 0 null null null", line(q.Cells(q.Rows(visited)[0])...))

	// A session is whole across to, and not counted when it began before from.
	requireSessions(t, sessions("2025-08-05", "2025-08-05"), "2025-08-05 2 2 1 2 0 0 900.5 900.5")
	requireSessions(t, sessions("2025-08-06", "2025-08-06"), "2025-08-06 1 1 1 1 1 1 0 0")
	q = sessions("2025-08-06", "2025-08-06")
	q.Gap = 31 * time.Minute
	requireSessions(t, q)
	q = sessions("2025-08-05", "2025-08-05")
	q.Gap, q.Interval = 24*time.Hour, "week"
	requireSessions(t, q, "2025-08-04 2 2 1 2.5 0 0 1800.5000005 1800.5000005 incomplete")

	// The filter keeps sessions whole, by any of their events, also one behind to.
	q = sessions("2025-08-05", "2025-08-05")
	q.Filter = condition(field("event_type"), "=", "buy")
	requireSessions(t, q, "2025-08-05 1 1 1 2 0 0 1800 1800")
	q.Filter = oracle.All{condition(field("event_type"), "=", "buy"), condition(country, "exists")}
	requireSessions(t, q)
}

func TestSessionsSplit(t *testing.T) {
	t.Parallel()
	q := sessions("2025-08-04", "2025-08-06")
	q.Interval, q.Breakdown, q.Total = "all", []oracle.Breakdown{{Field: country}}, true
	requireSessions(t, q, // of a: buy comes before view, so PL; none; UA. Of b PL
		"2025-08-04 PL value 2 2 1 2.5 0 0 900.5 900.5", "2025-08-04 UA value 1 1 1 1 1 1 0 0", "2025-08-04 null value 1 1 1 2 0 0 1800 1800",
		"2025-08-04 null all 4 2 2 2 1 0.25 900.25 900.5")
	q.Top, q.Total = 1, false
	requireSessions(t, q, "2025-08-04 PL value 2 2 1 2.5 0 0 900.5 900.5", "2025-08-04 null other 2 1 2 1.5 1 0.5 900 900")

	entry, exit := country, country
	entry.At, exit.At = "entry", "exit"
	q.Top, q.Breakdown = 10, []oracle.Breakdown{{Field: entry}, {Field: exit}}
	requireSessions(t, q, "2025-08-04 PL UA value 1 1 1 2 0 0 1 1", "2025-08-04 UA UA value 1 1 1 1 1 1 0 0",
		"2025-08-04 null UA value 1 1 1 3 0 0 1800 1800", "2025-08-04 null null value 1 1 1 2 0 0 1800 1800")
	q.Breakdown, q.Filter = nil, condition(exit, "=", "UA")
	requireSessions(t, q, "2025-08-04 3 2 1.5 2 1 0.3333333333333333 600.3333333333334 1")

	q = sessions("2025-08-04", "2025-08-06")
	q.Interval, q.Unit = "all", country // PL: 3, 7; UA: 2, 6, 8
	requireSessions(t, q, "2025-08-04 5 2 2.5 1 5 1 0 0")
}
