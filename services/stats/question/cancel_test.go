package question_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/services/stats/question"
)

// slowFilter is looked up in the JSON of every event. It holds for none.
const slowFilter = `"filter": {"any": ["properties.n.deep:matches((?i)(a|b)+(c|d)+(e|f)+$)", "user.n.deep:matches(^(g|h)+(i|j)+z$)"]}`

// TestScansAreCancelled: a question about events whose client hangs up ends within a
// second and gives its place to the next, whichever scan it is at.
func TestScansAreCancelled(t *testing.T) {
	w := newWorldOf(t, func(cfg *warehouse.Config) { cfg.MaxQueries = 1 })
	w.builder.ShredFrom = 1 << 40 // JSON is slow
	start := time.Date(2025, 8, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	deep := fmt.Sprintf(`{"n": {"deep": %q}, "k": %%d}`, strings.Repeat("abcdef", 40))
	events := make([]event.Event, 60_000)
	for i := range events {
		events[i] = event.Event{
			ID: uuid.New(), OccurredAt: start + int64(i)*40e6, UserID: fmt.Sprint(i % 5000), Type: []string{"view", "buy"}[i%2], Properties: fmt.Sprintf(deep, i%700),
		}
	}
	w.add(t, 1, events)
	d := w.data(t, 1, time.Date(2025, 10, 1, 0, 0, 0, 0, time.UTC))
	const days = `"from": "2025-08-01", "to": "2025-08-31", "timezone": "UTC", `
	const buckets = days + `"interval": "day", "unit": "user_id", "measure": "users", `
	for _, c := range []struct{ name, body string }{
		{"trends", buckets + `"series": [{"event": "*", "measure": "p95(properties.k)"}], ` + slowFilter},
		{"trends", buckets + `"series": ["*", {"event": "buy", "first": true}], "breakdown": ["properties.k", "user.k"], "top": 500, ` + slowFilter},
		{"lifecycle", days + `"interval": "day", "unit": "user_id", ` + slowFilter},
		{"stickiness", days + `"interval": "day", "unit": "user_id", "least": 2, ` + slowFilter},
		{"properties", days + slowFilter},
		{"property-values", days + `"property": "user.k", "include": "users", "limit": 20, ` + slowFilter},
		{"retention", `"start_date": "2025-08-01", "end_date": "2025-08-31", "timezone": "UTC", "granularity": "week", "cohort": "first_ever", "mode": "on", "zero": "cohort", ` +
			`"windows": 4, "breakdown": "first.k", "top": 500, ` + slowFilter},
	} {
		q := posted(t, d.now, c.name, "{"+c.body+"}")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		ended := make(chan error, 1)
		go func() {
			_, _, err := d.ask(ctx, q, d.raw())
			ended <- err
		}()
		<-ctx.Done()
		hungUp := time.Now()
		select {
		case err := <-ended:
			require.ErrorIs(t, err, context.DeadlineExceeded, "%s: it is not slow enough", c.name)
			t.Logf("%s ended after %s", c.name, time.Since(hungUp).Round(time.Microsecond))
		case <-time.After(5 * time.Second): // a second on a machine that does nothing else
			t.Fatalf("%s went on", c.name)
		}
		d.rows(t, posted(t, d.now, "top-events", "{"+days+`"limit": 10, "segment": ["properties.k=1"]}`)) // there is a place
	}
}

// posted resolves a question as it is posted.
func posted(t *testing.T, now time.Time, name, body string) question.Question {
	t.Helper()
	for _, d := range question.All() {
		if d.Name != name {
			continue
		}
		p := d.New()
		require.NoError(t, json.Unmarshal([]byte(body), p), body)
		q, err := p.Question(now)
		require.NoError(t, err, body)
		return q
	}
	t.Fatalf("there is no question %s", name)
	return nil
}
