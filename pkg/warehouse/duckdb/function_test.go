package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/property"
)

// thousands of events with properties that are all different, and one with none.
func thousands() []event.Event {
	events := make([]event.Event, 5000)
	for i := range events {
		events[i] = event.Event{ID: uuid.New(), OccurredAt: int64(i), UserID: "u", Type: "x", Properties: fmt.Sprintf(`{"i":%d}`, i)}
	}
	events[0].Properties = ""
	return events
}

// held counts the events for which a condition in Go holds.
func held(conditions ...func(string) bool) Query {
	return Query{Project: 1, SQL: "SELECT count(*) FROM {{events}}", Where: func(c Columns) string {
		text := "true"
		for i, condition := range conditions {
			text += " AND " + c.Holds(fmt.Sprint(i), func() func(string) bool { return condition })
		}
		return text
	}}
}

func TestConditionsInGo(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	s := snapshot(write(t, newBuilder(t, cfg), thousands()...))
	db := newDB(t, cfg)
	for want, conditions := range map[int][]func(string) bool{
		5000: {func(string) bool { return true }},
		0:    {func(string) bool { return true }, func(string) bool { return false }},
		1:    {func(properties string) bool { return properties == "" }},
		9:    {func(properties string) bool { return len(properties) == len(`{"i":1}`) }},
		90:   {func(properties string) bool { return len(properties) < len(`{"i":100}`) }, func(properties string) bool { return len(properties) > len(`{"i":1}`) }},
	} {
		n, err := count(t, db, s, held(conditions...))
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	require.Empty(t, db.holds.all, "they are forgotten")
	_, err := count(t, db, s, held(func(string) bool { panic("a bug") }))
	require.ErrorContains(t, err, "a bug", "it is one query's")
}

// A query that nobody waits for ends inside a vector of events.
func TestConditionsInGoAreCancelled(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	s := snapshot(write(t, newBuilder(t, cfg), thousands()...))
	db := newDB(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	var evaluated atomic.Int64
	err := db.Run(ctx, s, held(func(string) bool {
		if evaluated.Add(1) == 100 {
			cancel()
		}
		return true
	}), func(*sql.Rows) error { return nil })
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, evaluated.Load(), int64(100+2*checkEvery))
}

// Events that have a key are among those that may, however its name is written.
func TestMayHave(t *testing.T) {
	t.Parallel()
	texts := []string{"", `{}`, `{"plan":1}`, `{ "plan" : 1}`, `{"pl\u0061n":1}`, `{"a":"plan"}`, `{"a":{"plan":1}}`, `{"plan b":1}`, `{"Ünï":1}`, `{"\u00dcn\u00ef":1}`,
		`{"a\"b":1}`, `{"a\\b":1}`, `{"a\u0022b":1}`, `{"a/b":1}`, `{"a\/b":1}`, `{"\n":1}`, `{"%":1}`, `{"'":1}`, `{"":1}`, `{"$1":1}`}
	cfg := testConfig(t)
	var events []event.Event
	for _, text := range texts {
		events = append(events, event.Event{ID: uuid.New(), UserID: "u", Type: "x", Properties: text})
	}
	s, db := snapshot(write(t, newBuilder(t, cfg), events...)), newDB(t, cfg)
	for _, key := range []string{"plan", "plan b", "Ünï", `a"b`, `a\b`, "a/b", "\n", "%", "'", "", "$1", "none"} {
		has := 0
		for _, text := range texts {
			if !property.Find(text, []string{key}).Missing() {
				has++
			}
		}
		both := func(c Columns) string {
			return c.MayHave(key) + " AND " + c.Holds("", func() func(string) bool {
				return func(text string) bool { return !property.Find(text, []string{key}).Missing() }
			})
		}
		n, err := count(t, db, s, Query{Project: 1, SQL: "SELECT count(*) FROM {{events}}", Where: both})
		require.NoError(t, err)
		require.Equal(t, has, n, key)
	}
	n, err := count(t, db, s, Query{Project: 1, SQL: "SELECT count(*) FROM {{events}}", Where: func(c Columns) string { return c.MayHave("none") }})
	require.NoError(t, err)
	require.Equal(t, 7, n, "those with a backslash")
	n, err = count(t, db, s, Query{Project: 1, SQL: "SELECT count(*) FROM {{events}}", Where: func(c Columns) string { return c.MayHave("none", "plan") }})
	require.NoError(t, err)
	require.Equal(t, 7+4, n)
}
