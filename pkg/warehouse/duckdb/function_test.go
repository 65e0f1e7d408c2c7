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
