package question_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/question"
)

// BenchmarkSingleEvents reads single events of a million in a year, and the users of all.
func BenchmarkSingleEvents(b *testing.B) {
	g := seeded(b, 1)
	w := newWorldOf(b, func(c *warehouse.Config) { c.Threads = 2 })
	zone, err := calendar.Load("UTC")
	require.NoError(b, err)
	start, year := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro(), 365*24*int64(time.Hour/time.Microsecond)
	for range 2 {
		events := make([]event.Event, 500_000)
		for i := range events {
			events[i] = event.Event{
				ID: g.id(), OccurredAt: start + g.Int64N(year), UserID: fmt.Sprintf("user-%d", g.IntN(benchUsers)), Type: pick(g, someTypes),
				Properties: fmt.Sprintf(`{"country": %q, "price": %d.5, "item": "item-%d", "session_id": "%x"}`, pick(g, []string{"UA", "PL", "DE"}), g.IntN(100), g.IntN(9000), g.Uint64()),
			}
		}
		w.add(b, 1, events)
	}
	d := w.data(b, 1, time.UnixMicro(start+year))
	rare, err := syntax.ParseSegment("properties.price=999")
	require.NoError(b, err)
	plain := question.Scope{Timezone: zone}
	for name, q := range map[string]question.Question{
		"event":              question.Event{EventID: w.events[1][777].ID, Timezone: zone},
		"latest":             question.LatestEvents{Limit: 10, Scope: plain},
		"latest 1000":        question.LatestEvents{Limit: 1000, Scope: plain},
		"latest without any": question.LatestEvents{Limit: 10, Scope: question.Scope{Timezone: zone, Segment: []syntax.Condition{rare}}},
		"profiles":           question.Profiles{To: engine.LastDate, Sort: "last_seen", Limit: 100, Scope: plain},
		"profile":            question.Profile{UserID: "user-77", To: engine.LastDate, Timezone: zone},
		"timeline":           question.Timeline{UserID: "user-77", Limit: 50, Scope: plain},
	} {
		for _, e := range []engine.Engine{d.raw(), d.named(b)} {
			if _, _, err := d.ask(b.Context(), q, e); errors.Is(err, engine.ErrUnsupported) {
				continue
			}
			b.Run(name+" from "+e.Name(), func(b *testing.B) {
				var before, after syscall.Rusage
				require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &before))
				for b.Loop() {
					_, err := q.Answer(b.Context(), engine.NewSource(d.now, d.snapshot.CompleteUntil, e))
					require.NoError(b, err)
				}
				require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &after))
				spent := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
				b.ReportMetric(float64(spent.Microseconds())/1000/float64(b.N), "cpu-ms/op")
			})
		}
	}
}
