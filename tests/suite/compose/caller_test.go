package compose

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/client"
	"eventanalytics/tests/harness/api"
)

// caller posts events into a project of its own and asks about them, one request
// after the other. Each event has a user of its own, so that a lost event and
// one counted twice cannot make up for each other.
type caller struct {
	*api.Caller                // sends once
	settling    *client.Client // sends again until it is answered

	ids       []uuid.UUID // acknowledged
	last      string      // position of the newest answer, whatever it was to
	answers   int         // requests answered as they should be at the first try
	unsettled int         // requests without an answer, or with 5xx, and sent again
	again     bool        // the current request was sent again
}

// settleWithin is how long a request may be sent again.
const settleWithin = 5 * time.Minute

func newCaller(t *testing.T) *caller {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return newCallerAt(t, base, transport)
}

// newCallerAt is newCaller at another address.
func newCallerAt(t *testing.T, base string, transport http.RoundTripper) *caller {
	t.Helper()
	c := &caller{Caller: api.NewUser(t, base, transport)}
	var err error
	c.settling, err = client.New(client.Config{
		URL: base, Username: c.Username, Password: c.Password, Transport: transport, Timeout: time.Minute,
		RetryFor: settleWithin, OnRetry: func(error, time.Duration) { c.again = true },
	})
	require.NoError(t, err)
	return c
}

// settled counts a request that was answered as it should be.
func (c *caller) settled() {
	if c.again {
		c.unsettled++
	} else {
		c.answers++
	}
	c.again = false
}

// days the events fall on, in August 2025.
const days = 10

type event struct {
	ID   uuid.UUID      `json:"event_id"`
	At   time.Time      `json:"occurred_at"`
	User string         `json:"user_id"`
	Type string         `json:"event_type"`
	More map[string]int `json:"properties"`
}

// eventOf makes the same event for the same id.
func eventOf(id uuid.UUID) event {
	minutes := (int(id[0])<<8 | int(id[1])) % (days * 24 * 60)
	return event{
		ID: id, User: id.String(), Type: []string{"view", "click", "buy"}[int(id[2])%3], More: map[string]int{"n": int(id[3])},
		At: time.Date(2025, 8, 1, 0, minutes, 0, 0, time.UTC),
	}
}

// post sends n new events and some that are known.
func (c *caller) post(ctx context.Context, n int) error {
	fresh := make([]uuid.UUID, n)
	var batch []event
	for i := range fresh {
		fresh[i] = uuid.New()
		batch = append(batch, eventOf(fresh[i]))
	}
	for range min(n/10, len(c.ids)) {
		batch = append(batch, eventOf(c.ids[rand.IntN(len(c.ids))]))
	}
	accepted, err := c.send(ctx, batch)
	if err != nil {
		return err
	}
	// An attempt without an answer may have stored them: then they are known.
	if accepted > n {
		return fmt.Errorf("of %d new events %d were accepted", n, accepted)
	}
	c.ids = append(c.ids, fresh...)
	return nil
}

// postAgain sends all that was ever acknowledged.
func (c *caller) postAgain(ctx context.Context) error {
	batch := make([]event, len(c.ids))
	for i, id := range c.ids {
		batch[i] = eventOf(id)
	}
	_, err := c.send(ctx, batch)
	return err
}

func (c *caller) send(ctx context.Context, batch []event) (accepted int, err error) {
	body, err := json.Marshal(batch)
	if err != nil {
		return 0, err
	}
	got, err := c.settling.PostEvents(ctx, client.Upload{Body: body})
	if err != nil {
		return 0, err
	}
	c.settled()
	if got.Accepted+got.Duplicates != len(batch) {
		return 0, fmt.Errorf("of %d events: %+v", len(batch), *got)
	}
	return got.Accepted, c.advance(got.Position)
}

// advance checks that a position is not older than the last and keeps it.
func (c *caller) advance(position string) error {
	if c.last != "" {
		before, err := order(c.last)
		if err != nil {
			return err
		}
		now, err := order(position)
		if err != nil {
			return err
		}
		if now < before {
			return fmt.Errorf("an answer from position %x after %x", now, before)
		}
	}
	c.last = position
	return nil
}

// order returns the part of a position token that sorts like the position:
// incarnation, transaction id and seq follow the version and the project.
func order(token string) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) < 29 {
		return "", errors.Join(fmt.Errorf("%q is no position", token), err)
	}
	return string(b[9:29]), nil
}

// row is of one day.
type row struct {
	Bucket        string
	Events, Users int
}

// byDay asks for the events of each day, with the caller's last position.
func (c *caller) byDay(ctx context.Context) (rows []row, position string, err error) {
	a, err := c.settling.Ask(ctx, client.Question{
		Metric: "events", Values: url.Values{"from": {"2025-08-01"}, "to": {"2025-08-31"}, "interval": {"day"}},
		MinPosition: c.last, Wait: 20 * time.Second,
	})
	if err != nil {
		return nil, "", err
	}
	c.settled()
	rows, err = client.Rows[row](a)
	return rows, a.Meta.Position, err
}

// count returns the number of events that are visible, and where.
func (c *caller) count(ctx context.Context) (position string, n int, err error) {
	rows, position, err := c.byDay(ctx)
	for _, r := range rows {
		n += r.Events
	}
	return position, n, err
}

// ask has to be answered with exactly the events acknowledged so far.
func (c *caller) ask(ctx context.Context) error {
	rows, position, err := c.byDay(ctx)
	if err != nil {
		return err
	}
	if err := c.advance(position); err != nil {
		return err
	}
	want := map[string]int{}
	for _, id := range c.ids {
		want[eventOf(id).At.Format(time.DateOnly)]++
	}
	for _, r := range rows {
		if n := want[r.Bucket]; r.Events != n || r.Users != n {
			return fmt.Errorf("%s has %d events of %d users, %d were acknowledged", r.Bucket, r.Events, r.Users, n)
		}
		delete(want, r.Bucket)
	}
	if len(want) > 0 {
		return fmt.Errorf("nothing is counted on the days of %v", want)
	}
	return nil
}
