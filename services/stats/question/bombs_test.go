package question_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/services/stats/question"
)

// listOf is a condition on a property with so many values, from first on.
func listOf(t *testing.T, key string, first, n int) syntax.Condition {
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprint(first + i)
	}
	f, err := syntax.ParseSegment("properties." + key + ":in(" + strings.Join(values, ",") + ")")
	require.NoError(t, err)
	return f
}

// TestFilterBombs: the memory of conditions depends on the number of properties that
// they look at, not on that of the values compared with.
func TestFilterBombs(t *testing.T) {
	w := newWorldOf(t, func(cfg *warehouse.Config) { cfg.MemoryLimit = "64MiB" })
	at := time.Date(2025, 8, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	padding := strings.Repeat("x", 1000)
	events := make([]event.Event, 5000)
	for i := range events {
		events[i] = event.Event{ID: uuid.New(), OccurredAt: at, UserID: fmt.Sprint(i), Type: "x", Properties: fmt.Sprintf(`{"n":%d,"pad":"%s"}`, i, padding)}
	}
	w.builder.ShredFrom = 10_000
	w.add(t, 1, events)
	one := []event.Event{{ID: uuid.New(), OccurredAt: at, UserID: "u", Type: "x", Properties: `{"n":150}`}}
	w.add(t, 2, one)
	for i := range 20 { // each file with a property of its own as a column
		w.builder.ShredFrom = 1
		properties := fmt.Sprintf(`{"n":150,"k%d":7}`, i)
		w.add(t, 3, []event.Event{
			{ID: uuid.New(), OccurredAt: at, UserID: "u", Type: "x", Properties: properties},
			{ID: uuid.New(), OccurredAt: at, UserID: "u", Type: "x", Properties: properties},
		})
	}
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	ask := func(project int64, filters ...syntax.Condition) [][]any {
		return w.data(t, project, time.Time{}).rows(t, question.TopEvents{
			Days: question.Days{From: 20301, To: 20301}, Limit: 10, Scope: question.Scope{Timezone: zone, Segment: filters},
		})
	}
	require.Equal(t, [][]any{{"x", 240}}, ask(1, listOf(t, "n", 100, 240)))
	var many []syntax.Condition
	for range 50 {
		many = append(many, listOf(t, "n", 140, 20))
	}
	require.Equal(t, [][]any{{"x", 20}}, ask(1, many...))
	require.Equal(t, [][]any{{"x", 1}}, ask(2, many...))

	var keys []syntax.Condition
	for i := range 20 {
		keys = append(keys, listOf(t, fmt.Sprintf("k%d", i), 0, 10))
	}
	require.Empty(t, ask(3, keys...))
	require.Equal(t, [][]any{{"x", 2}}, ask(3, keys[3], many[0]))
}

// TestConditionsOnColumns: as many conditions and values as there may be, on columns
// that are not the same in all files. Each lookup in a set is a hash join of 2 MB.
func TestConditionsOnColumns(t *testing.T) {
	w := newWorldOf(t, func(cfg *warehouse.Config) { cfg.MemoryLimit = "256MiB" })
	w.builder.ShredFrom = 1
	at := time.Date(2025, 8, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	for i := range 8 {
		var events []event.Event
		for range 100 {
			events = append(events, event.Event{ID: uuid.New(), OccurredAt: at, UserID: "7", Type: "7", Properties: fmt.Sprintf(`{"k%d":7}`, i)})
		}
		events = append(events, event.Event{ID: uuid.New(), OccurredAt: at, UserID: "7", Type: "none", Properties: "{}"})
		w.add(t, 1, events)
		require.Equal(t, []string{fmt.Sprintf("integer:k%d", i)}, w.segments[i].Shredded)
	}
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	filters := []syntax.Condition{listOf(t, "k3", 0, 20)}
	for i := range 49 {
		var values []string
		for j := range 20 {
			values = append(values, fmt.Sprint(j, ".0"), fmt.Sprint(i*20+j+100))
		}
		f, err := syntax.ParseSegment([]string{"event_type", "user_id"}[i%2] + ":in(" + strings.Join(values[:20], ",") + ")")
		require.NoError(t, err)
		filters = append(filters, f)
	}
	q := question.TopEvents{Days: question.Days{From: 20301, To: 20301}, Limit: 10, Scope: question.Scope{Timezone: zone, Segment: filters}}
	d := w.data(t, 1, time.Time{})
	begun := time.Now()
	require.Equal(t, [][]any{{"7", 100}}, d.rows(t, q))
	whole := time.Since(begun)

	// Not is the plain opposite, also where a column has no value.
	not := question.TopEvents{Days: q.Days, Limit: 10, Scope: question.Scope{Timezone: zone}}
	not.Filter, err = syntax.ParseFilter(`{"not":"properties.k3=7"}`)
	require.NoError(t, err)
	require.Equal(t, [][]any{{"7", 700}, {"none", 8}}, d.rows(t, not))

	// It ends on time, also while it is planned.
	for _, after := range []string{"5ms", "20ms", "50ms", "100ms"} {
		limit, err := time.ParseDuration(after)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		ended := make(chan struct{})
		go func() { defer close(ended); _, _, _ = d.ask(ctx, q, d.raw()) }()
		<-ctx.Done()
		select {
		case <-ended:
		case <-time.After(max(time.Second, whole/2)): // a second is little for a busy machine
			t.Fatal("the query went on")
		}
	}
}

// TestFunnelBombs: as many steps, exclusions and conditions as there may be, over the
// longest window, of a user with most of the events, end on time.
func TestFunnelBombs(t *testing.T) {
	w := newWorldOf(t, func(cfg *warehouse.Config) { cfg.MemoryLimit = "256MiB" })
	at := time.Date(2025, 8, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	const n = 50_000
	events := make([]event.Event, n)
	for i := range events {
		events[i] = event.Event{ID: uuid.New(), OccurredAt: at + int64(i/3), UserID: "bot", Type: "view", Properties: fmt.Sprintf(`{"n":%d}`, i%100)}
	}
	w.add(t, 1, events)
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	d := w.data(t, 1, time.Time{})
	for _, order := range []string{"ordered", "any", "strict"} {
		q := question.Funnels{
			Days: question.Days{From: 20301, To: 20301}, Interval: question.Whole, Order: order, View: "steps", Window: question.Duration(syntax.MaxWindow),
			Unit: syntax.Field{Source: syntax.UserID}, Scope: question.Scope{Timezone: zone},
		}
		for i := range syntax.MaxSteps {
			var of []syntax.Filter
			for j := range 4 {
				of = append(of, syntax.Filter{Form: syntax.Holds, Condition: listOf(t, "n", 20*j+i%19, 10)})
			}
			if i == syntax.MaxSteps-1 { // no attempt gets there
				of = []syntax.Filter{{Form: syntax.Holds, Condition: listOf(t, "n", 1000, 10)}}
			}
			q.Steps = append(q.Steps, syntax.Series{Filter: syntax.Filter{Form: syntax.Any, Of: of}})
		}
		if order != "any" {
			for range syntax.MaxExclusions {
				q.Exclude = append(q.Exclude, syntax.Exclusion{Filter: syntax.Filter{Form: syntax.Holds, Condition: listOf(t, "n", 2000, 10)}, After: 1, Before: 20})
			}
		}
		begun := time.Now()
		rows, _, err := d.ask(t.Context(), q, d.walk(t))
		require.NoError(t, err)
		require.Len(t, rows, syntax.MaxSteps)
		require.Equal(t, 1, rows[syntax.MaxSteps-2][2])
		require.Equal(t, 0, rows[syntax.MaxSteps-1][2])
		t.Logf("%s: %s", order, time.Since(begun))

		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, _, err = d.ask(ctx, q, d.walk(t))
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
}
