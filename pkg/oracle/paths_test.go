package oracle_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/oracle"
)

func paths(from, to string) oracle.Paths {
	return oracle.Paths{
		Scope: oracle.Scope{From: from, To: to, Zone: time.UTC, Now: at("2026-01-01T00:00:00Z")},
		Node:  field("event_type"), Steps: 5, Gap: 30 * time.Minute, Top: 10,
	}
}

// clicks makes events of the users, named a, b, …, whose types are given with the minutes
// of a day at which they happen.
func clicks(users ...string) (events []oracle.Event) {
	for u, text := range users {
		for _, click := range strings.Fields(text) {
			name, after, _ := strings.Cut(click, "@")
			d, err := time.ParseDuration(after)
			if err != nil {
				panic(err)
			}
			events = append(events, oracle.Event{ID: string(rune('a'+u)) + click, UserID: string(rune('a' + u)), Type: name, At: at("2025-08-04T10:00:00Z").Add(d)})
		}
	}
	return events
}

func requirePaths(t *testing.T, q oracle.Paths, events []oracle.Event, want ...string) {
	t.Helper()
	var got []string
	for _, row := range q.Rows(events) {
		got = append(got, line(q.Cells(row)...))
	}
	require.Equal(t, want, got)
}

func TestPaths(t *testing.T) {
	t.Parallel()
	events := clicks("open@0s view@1m view@2m buy@3m", "open@0s view@5m", "view@0s open@10m", "open@-20h view@3h")
	q := paths("2025-08-04", "2025-08-04")
	requirePaths(t, q, events,
		"1 open value view value 2 2", "1 view value open value 1 1", "1 view value null end 1 1",
		"2 open value null end 1 1", "2 view value buy value 1 1", "2 view value null end 1 1", "3 buy value null end 1 1")
}

// TestPathsOrder: by step, paths, source, target.
func TestPathsOrder(t *testing.T) {
	t.Parallel()
	events := clicks("a@0s b@1m c@2m", "a@0s b@1m c@2m", "b@0s a@1m", "c@0s", "d@0s e@1m")
	q := paths("2025-08-04", "2025-08-04")
	q.Steps, q.Top = 3, 2
	requirePaths(t, q, events,
		"1 a value b value 2 2", "1 b value a value 1 1", "1 null other null other 1 1", "1 null other null end 1 1",
		"2 b value c value 2 2", "2 a value null end 1 1", "2 null other null end 1 1")
	q.Steps = 2
	requirePaths(t, q, events, "1 a value b value 2 2", "1 b value a value 1 1", "1 null other null other 1 1", "1 null other null end 1 1")
}

func TestPathsOfSessions(t *testing.T) {
	t.Parallel()
	q := paths("2025-08-04", "2025-08-04")
	// The session of a began the day before; that of b goes on the day after.
	events := clicks("x@-10h30m y@-10h1m z@-9h59m", "x@13h59m y@14h20m")
	requirePaths(t, q, events, "1 x value y value 1 1", "2 y value null end 1 1")
	// A session is made of all events, and a path begins with the first that passes.
	q.Filter = oracle.Not{Filter: condition(field("event_type"), "=", "x")}
	requirePaths(t, q, events, "1 y value null end 1 1")
	// Two sessions of one user are two paths.
	requirePaths(t, paths("2025-08-04", "2025-08-04"), clicks("x@0s y@1m x@2h y@2h1m"), "1 x value y value 2 1", "2 y value null end 2 1")
}

func TestPathsRepeats(t *testing.T) {
	t.Parallel()
	events := clicks("x@0s x@1m y@2m y@3m y@4m x@5m")
	q := paths("2025-08-04", "2025-08-04")
	requirePaths(t, q, events, "1 x value y value 1 1", "2 y value x value 1 1", "3 x value null end 1 1")
	q.Steps, q.Repeats = 4, true
	requirePaths(t, q, events, "1 x value x value 1 1", "2 x value y value 1 1", "3 y value y value 1 1")
	q.Steps, q.Repeats = 2, false
	requirePaths(t, q, events, "1 x value y value 1 1")

	// A repeat of the last node is not on the path: a new one begins with it.
	y := oracle.Series{Types: []string{"y"}}
	q.Start = &y
	requirePaths(t, q, clicks("y@0s x@1m y@2m x@3m"), "1 y value x value 2 1")
	requirePaths(t, q, clicks("y@0s y@1m x@2m x@3m y@4m"), "1 y value x value 1 1", "1 y value null end 1 1")
	q.Start = &oracle.Series{}
	requirePaths(t, q, clicks("x@0s y@1m y@2m"), "1 x value y value 1 1", "1 y value null end 1 1")
}

func TestPathsStartAndEnd(t *testing.T) {
	t.Parallel()
	events := clicks("x@0s s@1m a@2m e@3m b@4m", "s@-11h s@-10h1m a@-9h59m s@-9h58m e@-9h57m", "s@0s a@1m", "s@0s e@2h")
	q := paths("2025-08-04", "2025-08-04")
	q.Start = &oracle.Series{Types: []string{"s"}}
	requirePaths(t, q, events,
		"1 s value a value 2 2", "1 s value e value 1 1", "1 s value null end 1 1",
		"2 a value e value 1 1", "2 a value null end 1 1", "2 e value null end 1 1", "3 e value b value 1 1", "4 b value null end 1 1")
	q.End = &oracle.Series{Types: []string{"e"}}
	requirePaths(t, q, events, "1 s value a value 1 1", "1 s value e value 1 1", "2 a value e value 1 1", "2 e value null end 1 1", "3 e value null end 1 1")
	q.Start = nil // b's session began the day before
	requirePaths(t, q, events, "1 x value s value 1 1", "2 s value a value 1 1", "3 a value e value 1 1", "4 e value null end 1 1")
	q.Steps = 3 // the end is the fourth node
	requirePaths(t, q, events)
	q.Steps = 4
	requirePaths(t, q, events, "1 x value s value 1 1", "2 s value a value 1 1", "3 a value e value 1 1")

	// An event does not end the path that it begins; one that ends it may be a repeat.
	q.Start = q.End
	requirePaths(t, q, clicks("e@0s e@1m e@2m a@3m"), "1 e value null end 1 1")
	q.Start = &oracle.Series{First: true, Types: []string{"s"}} // of all time: of b the day before
	q.End = nil
	requirePaths(t, q, events, "1 s value a value 2 2", "1 s value null end 1 1", "2 a value e value 1 1", "2 a value null end 1 1", "3 e value b value 1 1")
}

func TestPathsWithin(t *testing.T) {
	t.Parallel()
	q := paths("2025-08-04", "2025-08-04")
	q.Within = time.Hour
	// Inclusive, and each session begins a path, also one that is on another.
	requirePaths(t, q, clicks("x@0s y@40m z@1h z@1h1s"),
		"1 x value y value 1 1", "1 y value z value 1 1", "2 y value z value 1 1", "2 z value null end 1 1", "3 z value null end 1 1")
	q.Start = &oracle.Series{Types: []string{"x", "y"}}
	requirePaths(t, q, clicks("x@0s y@40m z@1h y@1h1s"), "1 x value y value 1 1", "1 y value null end 1 1", "2 y value z value 1 1", "3 z value null end 1 1")
}

func TestPathsNodes(t *testing.T) {
	t.Parallel()
	event := func(id, properties string) oracle.Event {
		return oracle.Event{ID: id, UserID: "a", Type: "view", At: at("2025-08-04T10:00:00Z"), Properties: properties}
	}
	q := paths("2025-08-04", "2025-08-04")
	q.Node = country
	requirePaths(t, q, []oracle.Event{event("1", `{"c":1.0}`), event("2", `{"c":"1"}`), event("3", `{}`), event("4", ``), event("5", `{"c":null}`)},
		"1 1 value null value 1 1", "2 null value null value 1 1", "3 null value null end 1 1")
	q = paths("2025-08-04", "2025-08-04")
	q.Unit = country
	requirePaths(t, q, []oracle.Event{event("1", `{"c":1}`), event("2", ``)}, "1 view value null end 1 1")
}
