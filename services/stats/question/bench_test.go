package question_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
	raw "eventanalytics/services/stats/engine/duckdb"
	"eventanalytics/services/stats/question"
)

const (
	benchEvents = 300_000
	benchUsers  = 10_000
	benchDays   = 90
)

// benchmark runs one question over 300,000 events of 10,000 users in 90 days,
// from a segment of 270,000 and ten small ones, as a busy project has them. It asks
// the events themselves, with and without a filter, and then the walk and the roll-up
// where they can answer.
func benchmark(b *testing.B, q func(question.Scope, question.Days) question.Question) {
	b.Helper()
	g := seeded(b, 1)
	w := newWorld(b)
	start := time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)
	events := make([]event.Event, benchEvents)
	for i := range events {
		var id uuid.UUID
		binary.BigEndian.PutUint64(id[:], g.Uint64())
		events[i] = event.Event{
			ID: id, OccurredAt: start.UnixMicro() + g.Int64N(benchDays*24*int64(time.Hour/time.Microsecond)),
			UserID: fmt.Sprint(g.IntN(benchUsers)), Type: pick(g, someTypes),
			Properties: fmt.Sprintf(`{"country": %q, "price": %d.5, "session_id": "%x"}`, pick(g, []string{"UA", "PL", "DE"}), g.IntN(100), g.Uint64()),
		}
	}
	w.add(b, 1, events[:benchEvents*9/10])
	for i := range 10 {
		from := benchEvents*9/10 + i*benchEvents/100
		w.add(b, 1, events[from:from+benchEvents/100])
	}
	zone, err := calendar.Load("America/New_York")
	require.NoError(b, err)
	price, err := syntax.ParseSegment("properties.price<99")
	require.NoError(b, err)
	days := question.Days{From: calendar.DateOf(start.AddDate(0, 0, 30)), To: calendar.DateOf(start.AddDate(0, 0, 59))}
	d := w.data(b, 1, start.AddDate(1, 0, 0))
	run := func(name string, e engine.Engine, scope question.Scope) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, err := q(scope, days).Answer(b.Context(), engine.NewSource(d.now, d.snapshot.CompleteUntil, e))
				require.NoError(b, err)
			}
		})
	}
	plain := question.Scope{Timezone: zone}
	filtered := question.Scope{Timezone: zone, Segment: []syntax.Condition{price}}
	run("plain", d.raw(), plain)
	run("filtered", d.raw(), filtered)
	if _, _, err := d.ask(b.Context(), q(plain, days), d.walker(true)); err == nil {
		run("walk", d.walker(true), plain)
		run("filtered walk", d.walker(true), filtered)
	}
	if _, _, err := d.ask(b.Context(), q(plain, days), d.rollUp()); err == nil {
		run("rollup", d.rollUp(), plain)
	}
}

func BenchmarkDAU(b *testing.B) {
	benchmark(b, func(s question.Scope, d question.Days) question.Question { return question.DAU{Days: d, Scope: s} })
}

func BenchmarkTopEvents(b *testing.B) {
	benchmark(b, func(s question.Scope, d question.Days) question.Question {
		return question.TopEvents{Days: d, Limit: 10, Include: "users", Scope: s}
	})
}

func BenchmarkRetention(b *testing.B) {
	benchmark(b, func(s question.Scope, d question.Days) question.Question {
		return question.Retention{StartDate: d.From, EndDate: d.To, Granularity: calendar.Week, Windows: 12, Cohort: "first_ever", Scope: s}
	})
}

func BenchmarkEvents(b *testing.B) {
	benchmark(b, func(s question.Scope, d question.Days) question.Question {
		s.Fill = "zero"
		return question.Events{Days: d, Interval: calendar.Hour, By: "event_type", Scope: s}
	})
}

func BenchmarkActiveUsers(b *testing.B) {
	benchmark(b, func(s question.Scope, d question.Days) question.Question {
		return question.ActiveUsers{Days: d, Window: 30, Scope: s}
	})
}

func BenchmarkEventTypes(b *testing.B) {
	benchmark(b, func(s question.Scope, _ question.Days) question.Question {
		return question.EventTypes{Limit: 10_000, Scope: s}
	})
}

func BenchmarkProperties(b *testing.B) {
	benchmark(b, func(s question.Scope, d question.Days) question.Question {
		return question.Properties{Days: d, Scope: s}
	})
}

func BenchmarkLatestEvents(b *testing.B) {
	benchmark(b, func(s question.Scope, _ question.Days) question.Question {
		return question.LatestEvents{Limit: 10, Scope: s}
	})
}

func BenchmarkOneEvent(b *testing.B) {
	benchmark(b, func(s question.Scope, _ question.Days) question.Question {
		return question.Event{EventID: uuid.UUID{1}, Timezone: s.Timezone}
	})
}

// BenchmarkRows reads which rows of 800,000 events a filter holds for, and the values that
// they have in a field.
func BenchmarkRows(b *testing.B) {
	g := seeded(b, 1)
	w := newWorldOf(b, func(c *warehouse.Config) { c.Threads = 2 })
	zone, err := calendar.Load("UTC")
	require.NoError(b, err)
	start := time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	for range 4 {
		events := make([]event.Event, 200_000)
		for i := range events {
			events[i] = event.Event{
				ID: g.id(), OccurredAt: start + g.Int64N(30*24*int64(time.Hour/time.Microsecond)), UserID: fmt.Sprintf("user-%d", g.IntN(benchUsers)), Type: pick(g, someTypes),
				Properties: fmt.Sprintf(`{"country": %q, "price": %d.5, "item": "item-%d", "session_id": "%x", "plan": {"name": %[1]q}}`, pick(g, []string{"UA", "PL", "DE"}), g.IntN(100), g.IntN(9000), g.Uint64()),
			}
		}
		w.add(b, 1, events)
	}
	rows := raw.NewRows(w.db, w.snapshot(b, 1).Snapshot, 1)
	files, always := []int{0, 1, 2, 3}, walk.Period{From: start, To: start + 30*24*int64(time.Hour/time.Microsecond)}
	for _, text := range []string{"properties.price>50", "properties.item~77", "properties.item:matches(7.7)", "properties.plan.name=UA", "user_id:in(user-1,user-2)"} {
		f, err := syntax.ParseFilter(text)
		require.NoError(b, err)
		b.Run(text, func(b *testing.B) {
			for b.Loop() {
				_, err := rows.Holding(b.Context(), files, always, zone, f)
				require.NoError(b, err)
			}
		})
	}
	for _, text := range []string{"properties.country", "properties.item", "properties.price", "properties.plan.name", "user_id"} {
		f, err := syntax.ParseField(text)
		require.NoError(b, err)
		b.Run(text, func(b *testing.B) {
			for b.Loop() {
				_, err := rows.Values(b.Context(), files, always, f)
				require.NoError(b, err)
			}
		})
	}
}
