package metric

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/event"
)

const (
	benchEvents = 300_000
	benchUsers  = 10_000
	benchDays   = 90
)

// benchmark runs one question over 300,000 events of 10,000 users in 90 days,
// from a segment of 270,000 and ten small ones, as a busy project has them.
func benchmark(b *testing.B, q func(Scope, Range) Query) {
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
	filter, err := ParseFilter("properties.price<99")
	require.NoError(b, err)
	r := Range{calendar.DateOf(start.AddDate(0, 0, 30)), calendar.DateOf(start.AddDate(0, 0, 59))}
	src := w.source(b, 1, start.AddDate(1, 0, 0))
	for name, scope := range map[string]Scope{"plain": {Zone: zone}, "filtered": {Zone: zone, Filters: []Filter{filter}}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, err := q(scope, r).Rows(b.Context(), src)
				require.NoError(b, err)
			}
		})
	}
}

func BenchmarkDAU(b *testing.B) {
	benchmark(b, func(s Scope, r Range) Query { return DAU{s, r, false} })
}

func BenchmarkTopEvents(b *testing.B) {
	benchmark(b, func(s Scope, r Range) Query { return TopEvents{s, r, 10, true} })
}

func BenchmarkRetention(b *testing.B) {
	benchmark(b, func(s Scope, r Range) Query {
		return Retention{Scope: s, Range: r, Unit: calendar.Week, Windows: 12}
	})
}

func BenchmarkEvents(b *testing.B) {
	benchmark(b, func(s Scope, r Range) Query { return Events{s, r, calendar.Hour, true, true} })
}

func BenchmarkActiveUsers(b *testing.B) {
	benchmark(b, func(s Scope, r Range) Query { return ActiveUsers{s, r, 30, false} })
}

func BenchmarkEventTypes(b *testing.B) {
	benchmark(b, func(s Scope, _ Range) Query { return EventTypes{s} })
}

func BenchmarkLatestEvents(b *testing.B) {
	benchmark(b, func(s Scope, _ Range) Query { return LatestEvents{s, 10} })
}

func BenchmarkOneEvent(b *testing.B) {
	benchmark(b, func(s Scope, _ Range) Query { return OneEvent{s, uuid.UUID{1}} })
}
