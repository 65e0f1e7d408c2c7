package durability

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/client"
	"eventanalytics/tests/harness/api"
)

// caller is a user with a project, and what it has sent. Each event has a user of
// its own: one that is lost and one counted twice cannot make up for each other.
type caller struct {
	*service
	*api.Caller
	sent     []string // bodies that were acknowledged
	pending  []string // bodies that were not, or whose fate is unknown
	events   int
	position string // of the newest upload

	refused int // answers of 503
	broken  int // requests without an answer
}

func (s *service) newCaller(t *testing.T) *caller {
	t.Helper()
	return &caller{service: s, Caller: api.NewUser(t, s.url("account"), nil)}
}

// at is when all events happened but for an hour or two.
var at = time.Date(2025, 8, 21, 6, 0, 0, 0, time.UTC)

// body writes n new events with some properties.
func (c *caller) body(n int) string {
	type event struct {
		ID         uuid.UUID         `json:"event_id"`
		At         time.Time         `json:"occurred_at"`
		User       string            `json:"user_id"`
		Type       string            `json:"event_type"`
		Properties map[string]string `json:"properties"`
	}
	events := make([]event, n)
	for i := range events {
		c.events++
		events[i] = event{
			uuid.New(), at.Add(time.Duration(c.events) * time.Millisecond), fmt.Sprintf("u-%d-%d", c.Project, c.events), "view",
			map[string]string{"page": uuid.NewString() + uuid.NewString()},
		}
	}
	text, err := json.Marshal(events)
	if err != nil {
		panic(err) // of plain values
	}
	return string(text)
}

// try sends a body once. It returns whether it was acknowledged; what else there
// may be is a 503 or no answer, and anything else fails the test.
func (c *caller) try(t *testing.T, body string) bool {
	t.Helper()
	a, err := c.At(c.url("ingest")).Try(t.Context(), http.MethodPost, "/api/events", strings.NewReader(body), "Content-Type", "application/json")
	switch {
	case err != nil:
		c.broken++
		return false
	case a.Status == http.StatusServiceUnavailable:
		require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"), "%s", a)
		c.refused++
		return false
	}
	var receipt client.Receipt
	a.Is(t, http.StatusAccepted, "").Decode(t, &receipt)
	c.position = receipt.Position
	return true
}

// attempt sends n new events in one upload and returns whether it was
// acknowledged.
func (c *caller) attempt(t *testing.T, n int) bool {
	t.Helper()
	body := c.body(n)
	ok := c.try(t, body)
	if ok {
		c.sent = append(c.sent, body)
	} else {
		c.pending = append(c.pending, body)
	}
	return ok
}

// post is attempt for an upload that must be acknowledged.
func (c *caller) post(t *testing.T, n int) {
	t.Helper()
	require.True(t, c.attempt(t, n), "the upload is not acknowledged")
}

// postAgain sends again what was acknowledged.
func (c *caller) postAgain(t *testing.T) {
	t.Helper()
	for _, body := range c.sent {
		require.True(t, c.try(t, body), "the upload is not acknowledged")
	}
}

// settle sends what was not acknowledged until it is. What was is not sent again:
// that would make up for its loss.
func (c *caller) settle(t *testing.T) {
	t.Helper()
	for _, body := range c.pending {
		eventually(t, "an upload is acknowledged", func() error {
			if !c.try(t, body) {
				return fmt.Errorf("503 %d times, no answer %d times", c.refused, c.broken)
			}
			return nil
		})
	}
	c.sent, c.pending = append(c.sent, c.pending...), nil
}

// Conditions that hold for every event.
const (
	none = ""               // answered from roll-ups
	raw  = "user_id:exists" // no roll-up can answer it
)

// stats is the caller at a stats replica.
func (c *caller) stats() *api.Caller { return c.At(c.url("stats")) }

const eventsPath = "/api/stats/events"

// month asks eventsPath for the events of all callers' days.
func month(segment string) []string {
	query := []string{"from", "2025-08-01", "to", "2025-08-31", "interval", "month"}
	if segment != none {
		query = append(query, "segment", segment)
	}
	return query
}

// count returns how many events and users an answer to month tells.
func count(t *testing.T, a *api.Answer) (events, users int) {
	t.Helper()
	var totals struct{ Data []struct{ Events, Users int } }
	a.Decode(t, &totals)
	for _, row := range totals.Data {
		events, users = events+row.Events, users+row.Users
	}
	return events, users
}

// holds requires that every event that was sent is stored and counted once.
func (c *caller) holds(t *testing.T) {
	t.Helper()
	require.Equal(t, c.events, value[int](t, c.service, "SELECT count(*) FROM analytics.event_ids WHERE project_id = $1", c.Project), "ids in the ledger")
	for _, segment := range []string{none, raw} {
		events, users := count(t, c.stats().Visible(t, c.position, eventsPath, month(segment)...))
		require.Equal(t, c.events, events, "events that are counted")
		require.Equal(t, c.events, users, "users that are counted, one of each event")
	}
}
