package durability

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/tests/bench/loadgen"
)

// client is a user with a project, and what it has sent. Each event has a user of
// its own: one that is lost and one counted twice cannot make up for each other.
type client struct {
	*service
	token    string
	project  int64
	sent     []string // bodies that were acknowledged
	pending  []string // bodies that were not, or whose fate is unknown
	events   int
	position string // of the newest upload

	refused int // answers of 503
	broken  int // requests without an answer
}

func (s *service) newClient(t *testing.T) *client {
	t.Helper()
	account := map[string]string{"username": "user-" + uuid.NewString(), "password": "correct horse battery staple"}
	var user struct {
		Project int64 `json:"project_id"`
	}
	require.NoError(t, loadgen.PostJSON(t.Context(), s.url("account")+"/api/auth/register", "", account, &user))
	token, err := loadgen.Login(t.Context(), s.url("account"), account["username"], account["password"])
	require.NoError(t, err)
	return &client{service: s, token: token, project: user.Project}
}

// at is when all events happened but for an hour or two.
var at = time.Date(2025, 8, 21, 6, 0, 0, 0, time.UTC)

// body writes n new events with some properties.
func (c *client) body(n int) string {
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
			uuid.New(), at.Add(time.Duration(c.events) * time.Millisecond), fmt.Sprintf("u-%d-%d", c.project, c.events), "view",
			map[string]string{"page": uuid.NewString() + uuid.NewString()},
		}
	}
	text, err := json.Marshal(events)
	if err != nil {
		panic(err) // of plain values
	}
	return string(text)
}

// answer of any service.
type answer struct {
	status      int
	contentType string
	text        []byte
}

func (a *answer) String() string { return fmt.Sprintf("%d %.300s", a.status, a.text) }

func (c *client) do(ctx context.Context, method, where, body string) (*answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, where, bytes.NewBufferString(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return &answer{response.StatusCode, response.Header.Get("Content-Type"), text}, err
}

// try sends a body once. It returns whether it was acknowledged; what else there
// may be is a 503 or no answer, and anything else fails the test.
func (c *client) try(t *testing.T, body string) bool {
	t.Helper()
	a, err := c.do(t.Context(), http.MethodPost, c.url("ingest")+"/api/events", body)
	switch {
	case err != nil:
		c.broken++
		return false
	case a.status == http.StatusServiceUnavailable:
		require.Equal(t, "application/problem+json", a.contentType, "%s", a)
		c.refused++
		return false
	}
	require.Equal(t, http.StatusAccepted, a.status, "%s", a)
	var receipt struct{ Position string }
	require.NoError(t, json.Unmarshal(a.text, &receipt))
	c.position = receipt.Position
	return true
}

// attempt sends n new events in one upload and returns whether it was
// acknowledged.
func (c *client) attempt(t *testing.T, n int) bool {
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
func (c *client) post(t *testing.T, n int) {
	t.Helper()
	require.True(t, c.attempt(t, n), "the upload is not acknowledged")
}

// postAgain sends again what was acknowledged.
func (c *client) postAgain(t *testing.T) {
	t.Helper()
	for _, body := range c.sent {
		require.True(t, c.try(t, body), "the upload is not acknowledged")
	}
}

// settle sends what was not acknowledged until it is. What was is not sent again:
// that would make up for its loss.
func (c *client) settle(t *testing.T) {
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

// count asks a stats replica how many events and users there are. The numbers are
// 0 without an answer of 200.
func (c *client) count(t *testing.T, segment string, query url.Values) (a *answer, events, users int) {
	t.Helper()
	query.Set("from", "2025-08-01")
	query.Set("to", "2025-08-31")
	query.Set("interval", "month")
	if segment != none {
		query.Set("segment", segment)
	}
	a, err := c.do(t.Context(), http.MethodGet, c.url("stats")+"/api/stats/events?"+query.Encode(), "")
	require.NoError(t, err)
	if a.status != http.StatusOK {
		return a, 0, 0
	}
	var totals struct{ Data []struct{ Events, Users int } }
	require.NoError(t, json.Unmarshal(a.text, &totals), "%s", a)
	for _, row := range totals.Data {
		events, users = events+row.Events, users+row.Users
	}
	return a, events, users
}

// holds requires that every event that was sent is stored and counted once.
func (c *client) holds(t *testing.T) {
	t.Helper()
	require.Equal(t, c.events, value[int](t, c.service, "SELECT count(*) FROM analytics.event_ids WHERE project_id = $1", c.project), "ids in the ledger")
	for _, segment := range []string{none, raw} {
		a, events, users := c.count(t, segment, url.Values{"min_position": {c.position}, "wait": {"30s"}})
		require.Equal(t, http.StatusOK, a.status, "%s", a)
		require.Equal(t, c.events, events, "events that are counted")
		require.Equal(t, c.events, users, "users that are counted, one of each event")
	}
}
