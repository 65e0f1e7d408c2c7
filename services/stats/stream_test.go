package stats

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/services/stats/live"
)

// arrive adds events to a project as ingest and the sync worker do: as one row of the
// outbox for each batch, and then together to the warehouse.
func (a *api) arrive(t *testing.T, project int64, batches ...[]event.Event) {
	t.Helper()
	var all []event.Event
	for i, events := range batches {
		require.NoError(t, a.pool.QueryRow(t.Context(),
			`INSERT INTO analytics.outbox (xid, project_id, events, payload) VALUES ($1::text::xid8, $2, $3, $4) RETURNING seq`,
			fmt.Sprint(a.position.XID+10-uint64(len(batches)-1-i)), project, len(events), outbox.Encode(events)).Scan(&a.position.Seq))
		all = append(all, events...)
	}
	_, err := a.pool.Exec(t.Context(), `UPDATE analytics.sync_state SET seq = $1`, a.position.Seq)
	require.NoError(t, err)
	a.publish(t, project, all...)
}

// message is a server-sent event.
type message struct{ id, event, data string }

// subscription is a client of a stream.
type subscription struct {
	*http.Response
	lines *bufio.Scanner
}

// subscribe opens a stream, behind an id unless it is empty.
func (a *api) subscribe(t *testing.T, project int64, query, lastID string) *subscription {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+"/api/stats/events/stream"+query, nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+a.keys[project])
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { resp.Body.Close() })
	require.Equal(t, http.StatusOK, resp.StatusCode)
	s := &subscription{resp, bufio.NewScanner(resp.Body)}
	s.lines.Buffer(nil, 1<<20)
	return s
}

// next reads a message; ok is false at the end of the stream.
func (s *subscription) next() (m message, ok bool) {
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch name {
		case "id":
			m.id = value
		case "event":
			m.event = value
		case "data":
			m.data = value
		case "":
			if s.lines.Text() == "" {
				return m, true
			}
		}
	}
	return m, false
}

func (m message) eventID(t *testing.T) string {
	t.Helper()
	var row struct {
		EventID string `json:"event_id"`
	}
	require.NoError(t, json.Unmarshal([]byte(m.data), &row), m.data)
	return row.EventID
}

func someEvents(r *rand.Rand) []event.Event {
	events := make([]event.Event, 1+r.IntN(5))
	for i := range events {
		events[i] = event.Event{
			ID: uuid.New(), OccurredAt: at("2025-08-04T00:00:00Z") + r.Int64N(1e12), UserID: fmt.Sprint(r.IntN(5)),
			Type: []string{"view", "buy"}[r.IntN(2)], Properties: "{\n\"n\": 1.50,\r\n\"t\": \"a\\nb\"}",
		}
	}
	return events
}

// TestStreamResumes: whenever a client is disconnected, and however often, it gets each
// event once, in the order in which they arrived; with a filter, those that it holds for.
func TestStreamResumes(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	all, buys := a.subscribe(t, 1, "", ""), a.subscribe(t, 1, "?segment=event_type:buy", "")
	begun, _ := all.next()
	begunBuys, _ := buys.next()

	var want, wantBuys []string
	for range 15 {
		a.arrive(t, 2, someEvents(r)) // another project's
		batches := [][]event.Event{someEvents(r), someEvents(r), someEvents(r)}[r.IntN(3):]
		a.arrive(t, 1, batches...)
		for _, events := range batches {
			for _, e := range events {
				want = append(want, e.ID.String())
				if e.Type == "buy" {
					wantBuys = append(wantBuys, e.ID.String())
				}
			}
		}
	}
	read := func(s *subscription, query, last string, want []string) {
		var got []string
		for len(got) < len(want) {
			for range r.IntN(6) { // and then it is disconnected
				m, ok := s.next()
				require.True(t, ok, "after %d of %d events", len(got), len(want))
				require.Empty(t, m.event)
				if last = m.id; m.data != "" {
					got = append(got, m.eventID(t))
				}
				if len(got) == len(want) {
					break
				}
			}
			require.NoError(t, s.Body.Close())
			s = a.subscribe(t, 1, query, last)
		}
		require.Equal(t, want, got)
		// Nothing comes behind the last.
		a.arrive(t, 1, []event.Event{{ID: id(9), OccurredAt: at("2025-08-04T00:00:00Z"), UserID: "1", Type: "buy"}})
		for {
			m, ok := s.next()
			require.True(t, ok)
			if m.data != "" {
				require.Equal(t, id(9).String(), m.eventID(t))
				return
			}
		}
	}
	read(all, "", begun.id, want)
	read(buys, "?segment=event_type:buy", begunBuys.id, append(wantBuys, id(9).String()))
}

// TestStreamRows: a row is that of the latest events, and its id a position that has it.
func TestStreamRows(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	s := a.subscribe(t, 1, "?timezone=Asia/Kathmandu&project=1", "")
	require.Equal(t, "text/event-stream", s.Header.Get("Content-Type"))
	require.Equal(t, "no", s.Header.Get("X-Accel-Buffering"))
	_, _ = s.next()
	a.arrive(t, 1, []event.Event{{ID: id(1), OccurredAt: at("2025-08-04T00:00:00Z"), UserID: "ann", Type: "<é>", Properties: "{\"a\":\n1.50}"}})
	m, ok := s.next()
	require.True(t, ok)
	require.Equal(t, `{"event_id":"00000000-0000-0000-0000-000000000001","occurred_at":"2025-08-04T05:45:00+05:45","user_id":"ann","event_type":"<é>","properties":{"a":1.50}}`, m.data)
	latest := a.get(t, 1, "/api/stats/events/latest?timezone=Asia/Kathmandu&min_position="+m.id).ok(t)["data"].([]any)
	require.Len(t, latest, 1)
	one, err := json.Marshal(latest[0])
	require.NoError(t, err)
	require.JSONEq(t, m.data, string(one))
}

// TestStreamBegins: at an answer's position, so that nothing is missed in between; where
// events may be missing the client is told.
func TestStreamBegins(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	a.arrive(t, 1, august()[:1])
	a.visible(t)
	position := a.get(t, 1, "/api/stats/events/latest").ok(t)["meta"].(map[string]any)["position"].(string)
	a.arrive(t, 1, august()[1:2])
	a.visible(t)
	s := a.subscribe(t, 1, "?after="+position, "")
	begun, _ := s.next()
	require.Equal(t, message{id: position}, begun)
	m, _ := s.next()
	require.Equal(t, id(2).String(), m.eventID(t))

	_, err := a.pool.Exec(t.Context(), `UPDATE analytics.outbox SET created_at = now() - interval '2 hours'`)
	require.NoError(t, err)
	late, _ := a.subscribe(t, 1, "?after="+position, "").next()
	require.Equal(t, "reset", late.event)
	_, err = a.pool.Exec(t.Context(), `DELETE FROM analytics.outbox`)
	require.NoError(t, err)
	gone, _ := a.subscribe(t, 1, "", position).next()
	require.Equal(t, "reset", gone.event)
	require.NotEqual(t, position, gone.id)

	const path = "/api/stats/events/stream"
	for query, want := range map[string]string{
		"?after=x":                    "422 /problems/invalid-position after",
		"?after=" + position + ".0":   "422 /problems/invalid-position after",
		"?after=" + position + ".1e3": "422 /problems/invalid-position after",
		"?after=":                     "422 /problems/invalid-parameter after",
		"?for=2h":                     "422 /problems/invalid-parameter for",
		"?for=-1s":                    "422 /problems/invalid-parameter for",
		"?timezone=Mars":              "422 /problems/invalid-parameter timezone",
		"?filter=user.plan=free":      "422 /problems/invalid-parameter filter",
		"?filter=time.hour=5":         "422 /problems/invalid-parameter filter",
		"?filter=x":                   "422 /problems/invalid-parameter filter",
		"?format=csv":                 "422 /problems/unknown-parameter format",
		"?project=2":                  "404 /problems/not-found ",
	} {
		require.Equal(t, want, a.get(t, 1, path+query).refused(t), query)
	}
	require.Equal(t, "422 /problems/invalid-position after", a.get(t, 2, path+"?after="+position).refused(t), "another project's position")
	require.Equal(t, http.StatusOK, a.get(t, 1, path+"?for=1ms").StatusCode)
}

// TestStreamEndsWithItsKey: what arrives after a key was revoked is not sent.
func TestStreamEndsWithItsKey(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	s := a.subscribe(t, 1, "", "")
	_, _ = s.next()
	_, err := a.pool.Exec(t.Context(), `UPDATE analytics.api_keys SET revoked_at = now() WHERE project_id = 1`)
	require.NoError(t, err)
	a.arrive(t, 1, august()[:1])
	m, ok := s.next()
	require.False(t, ok, "%+v", m)
}

// TestStreamsOfSlowReaders: a client that takes nothing is cut off.
func TestStreamsOfSlowReaders(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.patience.grace = 50 * time.Millisecond
	a.run(t)
	a.slowReader(t, 1, "/api/stats/events/stream")
	require.Eventually(t, func() bool { return a.feed.Streams() == 1 }, 10*time.Second, 5*time.Millisecond)
	a.arrive(t, 1, longEvents(400)) // more than the sockets hold
	require.Eventually(t, func() bool { return a.feed.Streams() == 0 }, 20*time.Second, 5*time.Millisecond)
	require.Contains(t, a.metrics(), "analytics_stats_slow_readers_total 1\n")
}

// TestStreamsAreBounded: of a caller, so that there is room for others.
func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	var open []*live.Stream
	for range live.MaxOfCaller {
		s, err := a.feed.Open(1, "0/1")
		require.NoError(t, err)
		open = append(open, s)
	}
	_, err := a.feed.Open(1, "0/1")
	require.ErrorIs(t, err, live.ErrTooMany)
	for i := live.MaxOfCaller; i < live.MaxOfProject; i++ {
		s, err := a.feed.Open(1, fmt.Sprint("0/", i))
		require.NoError(t, err)
		open = append(open, s)
	}
	require.Equal(t, "429 /problems/too-many-streams ", a.get(t, 1, "/api/stats/events/stream").refused(t))
	require.Equal(t, http.StatusOK, a.get(t, 2, "/api/stats/events/stream?for=1ms").StatusCode)
	for _, s := range open {
		s.Close()
	}
	require.Zero(t, a.feed.Streams())
	require.Equal(t, http.StatusOK, a.get(t, 1, "/api/stats/events/stream?for=1ms").StatusCode)
}

// TestStreamsEndWithTheServer: a stop does not wait for them, and they end whole.
func TestStreamsEndWithTheServer(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- server.Serve(ctx, ln, a.Server().Handler(), server.Config{DrainTimeout: 20 * time.Second})
	}()
	a.url = "http://" + ln.Addr().String()
	s := a.subscribe(t, 1, "", "")
	_, ok := s.next()
	require.True(t, ok)
	stop()
	_, ok = s.next()
	require.False(t, ok)
	require.NoError(t, s.lines.Err(), "it ends whole")
	require.NoError(t, <-served)
	require.Eventually(t, func() bool { return a.feed.Streams() == 0 }, 5*time.Second, 5*time.Millisecond)
}
