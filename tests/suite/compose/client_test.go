package compose

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// client posts events into a project of its own and asks about them, one request
// after the other. Each event has a user of its own, so that a lost event and
// one counted twice cannot make up for each other.
type client struct {
	http  http.Client
	name  string
	token string

	ids       []uuid.UUID // acknowledged
	last      string      // position of the newest answer, whatever it was to
	answers   int         // requests answered as they should be at the first try
	unsettled int         // requests without an answer, or with 5xx, and sent again
}

const password = "correct horse battery staple"

func newClient(t *testing.T) *client {
	t.Helper()
	c := &client{name: "user-" + uuid.NewString(), http: http.Client{Timeout: time.Minute, Transport: &http.Transport{}}}
	t.Cleanup(c.http.CloseIdleConnections)
	body, err := json.Marshal(map[string]string{"username": c.name, "password": password})
	require.NoError(t, err)
	status, answer, err := c.request(t.Context(), http.MethodPost, "/api/auth/register", body)
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, status, "%s", answer)
	c.login(t)
	return c
}

func (c *client) login(t *testing.T) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"username": c.name, "password": password})
	require.NoError(t, err)
	status, answer, err := c.request(t.Context(), http.MethodPost, "/api/auth/token", body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, "%s", answer)
	var tokens struct {
		Access string `json:"access_token"`
	}
	require.NoError(t, json.Unmarshal(answer, &tokens))
	c.token = tokens.Access
}

func (c *client) request(ctx context.Context, method, path string, body []byte) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, base+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// settle sends a request again until it is answered: clients do so after 5xx and
// when there is no answer. It returns an error for any other answer than want.
func (c *client) settle(ctx context.Context, method, path string, body []byte, want int) ([]byte, error) {
	deadline := time.Now().Add(5 * time.Minute)
	for first := true; ; first = false {
		status, answer, err := c.request(ctx, method, path, body)
		switch {
		case err == nil && status == want:
			if first {
				c.answers++
			}
			return answer, nil
		case err == nil && status < 500:
			return nil, fmt.Errorf("%s %s: %d %.300s", method, path, status, answer)
		case time.Now().After(deadline):
			return nil, fmt.Errorf("%s %s: no answer in five minutes; last %d %.300s: %w", method, path, status, answer, err)
		}
		if first {
			c.unsettled++
		}
		time.Sleep(200 * time.Millisecond) // as a client waits before it tries again
	}
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
func (c *client) post(ctx context.Context, n int) error {
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
func (c *client) postAgain(ctx context.Context) error {
	batch := make([]event, len(c.ids))
	for i, id := range c.ids {
		batch[i] = eventOf(id)
	}
	_, err := c.send(ctx, batch)
	return err
}

func (c *client) send(ctx context.Context, batch []event) (accepted int, err error) {
	body, err := json.Marshal(batch)
	if err != nil {
		return 0, err
	}
	answer, err := c.settle(ctx, http.MethodPost, "/api/events", body, http.StatusAccepted)
	if err != nil {
		return 0, err
	}
	var got struct {
		Accepted, Duplicates int
		Position             string
	}
	if err := json.Unmarshal(answer, &got); err != nil {
		return 0, err
	}
	if got.Accepted+got.Duplicates != len(batch) {
		return 0, fmt.Errorf("of %d events: %s", len(batch), answer)
	}
	return got.Accepted, c.advance(got.Position)
}

// advance checks that a position is not older than the last and keeps it.
func (c *client) advance(position string) error {
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

type stats struct {
	Data []struct {
		Bucket        string
		Events, Users int
	}
	Meta struct{ Position string }
}

// byDay asks for the events of each day, with the client's last position.
func (c *client) byDay(ctx context.Context) (got stats, err error) {
	query := url.Values{"from": {"2025-08-01"}, "to": {"2025-08-31"}, "interval": {"day"}}
	if c.last != "" {
		query.Set("min_position", c.last)
		query.Set("wait", "20s")
	}
	answer, err := c.settle(ctx, http.MethodGet, "/api/stats/events?"+query.Encode(), nil, http.StatusOK)
	if err != nil {
		return got, err
	}
	return got, json.Unmarshal(answer, &got)
}

// count returns the number of events that are visible, and where.
func (c *client) count(ctx context.Context) (position string, n int, err error) {
	got, err := c.byDay(ctx)
	for _, row := range got.Data {
		n += row.Events
	}
	return got.Meta.Position, n, err
}

// ask has to be answered with exactly the events acknowledged so far.
func (c *client) ask(ctx context.Context) error {
	got, err := c.byDay(ctx)
	if err != nil {
		return err
	}
	if err := c.advance(got.Meta.Position); err != nil {
		return err
	}
	want := map[string]int{}
	for _, id := range c.ids {
		want[eventOf(id).At.Format(time.DateOnly)]++
	}
	for _, row := range got.Data {
		if n := want[row.Bucket]; row.Events != n || row.Users != n {
			return fmt.Errorf("%s has %d events of %d users, %d were acknowledged", row.Bucket, row.Events, row.Users, n)
		}
		delete(want, row.Bucket)
	}
	if len(want) > 0 {
		return fmt.Errorf("nothing is counted on the days of %v", want)
	}
	return nil
}
