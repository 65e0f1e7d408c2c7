package stats

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
)

// TestEventTypesArePaged: whoever makes up types, even more than an answer can have,
// keeps nobody from seeing them.
func TestEventTypesArePaged(t *testing.T) {
	t.Parallel()
	for name, rollUps := range map[string]int64{"roll-ups": 1 << 30, "events": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, func(c *Config) { c.Warehouse.RollUpBytes = rollUps }).run(t)
			const files, of = 11, 10_000
			long := strings.Repeat("😀", 190)
			for f := range files {
				events := make([]event.Event, of)
				for i := range events {
					events[i] = event.Event{ID: uuid.New(), OccurredAt: at("2025-08-04T00:00:00Z"), UserID: "u", Type: fmt.Sprintf("%06d%s", i*files+f, long)}
				}
				a.publish(t, 1, events...)
			}
			a.visible(t)
			r := a.get(t, 1, "/api/stats/event-types").ok(t)
			require.Len(t, r["data"], 10_000, "not 422")
			var seen int
			after := ""
			for {
				q := query("limit", "50000", "format", "json")
				if after != "" {
					q += "&after=" + url.QueryEscape(after)
				}
				rows := a.get(t, 1, "/api/stats/event-types"+q).ok(t)["data"].([]any)
				for _, row := range rows {
					after = row.(map[string]any)["event_type"].(string)
					require.Equal(t, fmt.Sprintf("%06d", seen), after[:6])
					seen++
				}
				if len(rows) < 50_000 {
					break
				}
			}
			require.Equal(t, files*of, seen)
		})
	}
}
