package loadgen_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/client"
	"eventanalytics/pkg/event"
	"eventanalytics/tests/bench/loadgen"
)

var until = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newPool(t *testing.T, cfg loadgen.PoolConfig) *loadgen.Pool {
	t.Helper()
	if cfg.Until.IsZero() {
		cfg.Until = until
	}
	pool, err := loadgen.NewPool(cfg)
	require.NoError(t, err)
	return pool
}

func newStream(t *testing.T, pool *loadgen.Pool, cfg loadgen.StreamConfig) *loadgen.Stream {
	t.Helper()
	cfg.Clock = func() time.Time { return until }
	s, err := loadgen.NewStream(pool, cfg)
	require.NoError(t, err)
	return s
}

// decode reads a body as the service does; nothing in it may be invalid.
func decode(t *testing.T, body []byte) []event.Event {
	t.Helper()
	batch, err := event.Decode(bytes.NewReader(body), false, event.Limits{
		MaxEvents: 1 << 20, NotBefore: time.Unix(0, 0), NotAfter: until,
	})
	require.NoError(t, err)
	require.Empty(t, batch.Invalid)
	return batch.Events
}

func TestASeedGivesTheSameBodies(t *testing.T) {
	t.Parallel()
	body := func(seed, number uint64, version int) string {
		pool := newPool(t, loadgen.PoolConfig{Seed: seed, Events: 500, Late: 0.1})
		s := newStream(t, pool, loadgen.StreamConfig{Seed: seed, Number: number, UUID: version, Duplicates: 0.2})
		return string(pool.Append(nil, s.Append(nil, 1000)))
	}
	for _, version := range []int{4, 7} {
		require.Equal(t, body(1, 0, version), body(1, 0, version))
		require.NotEqual(t, body(1, 0, version), body(2, 0, version))
		require.NotEqual(t, body(1, 0, version), body(1, 1, version))
	}
}

func TestTheServiceTakesEveryEvent(t *testing.T) {
	t.Parallel()
	pool := newPool(t, loadgen.PoolConfig{Seed: 1, Late: 0.05})
	for _, version := range []int{4, 7} {
		s := newStream(t, pool, loadgen.StreamConfig{Seed: 1, UUID: version})
		sent := s.Append(nil, 20_000)
		events := decode(t, pool.Append(nil, sent))
		require.Len(t, events, len(sent))

		late, users, types := 0, map[string]int{}, map[string]int{}
		for i, e := range events {
			require.Equal(t, sent[i].ID, e.ID)
			require.EqualValues(t, version, e.ID.Version())
			require.Equal(t, uuid.RFC4122, e.ID.Variant())
			if e.Time().Before(until.Add(-time.Hour)) {
				late++
			}
			users[e.UserID]++
			types[e.Type]++
		}
		require.InDelta(t, 1000, late, 1)
		require.Len(t, types, 7)
		require.Greater(t, users["1"], 10*users["50"], "the first users are by far the busiest")
		require.Greater(t, len(users), 500)
	}
}

func TestEventsComeInSessions(t *testing.T) {
	t.Parallel()
	pool := newPool(t, loadgen.PoolConfig{Seed: 3})
	type visit struct{ user, country string }
	visits, events := map[string]visit{}, decode(t, pool.Append(nil, newStream(t, pool, loadgen.StreamConfig{}).Append(nil, pool.Len())))
	for _, e := range events {
		var p struct {
			Country string
			Session string `json:"session_id"`
		}
		require.NoError(t, json.Unmarshal([]byte(e.Properties), &p))
		require.Len(t, p.Country, 2)
		v := visit{e.UserID, p.Country}
		if known, ok := visits[p.Session]; ok {
			require.Equal(t, known, v)
		}
		visits[p.Session] = v
	}
	require.InDelta(t, len(events)/6, len(visits), float64(len(events))/60)
}

func TestIdsAreFreshButForTheDuplicates(t *testing.T) {
	t.Parallel()
	pool := newPool(t, loadgen.PoolConfig{Seed: 1, Events: 300})
	for _, rate := range []float64{0, 0.1, 0.5} {
		first, again := map[uuid.UUID]int32{}, 0
		for number := range uint64(4) {
			s := newStream(t, pool, loadgen.StreamConfig{Seed: 9, Number: number, Duplicates: rate})
			own := map[uuid.UUID]bool{}
			for range 100 {
				for _, e := range s.Append(nil, 250) {
					if content, ok := first[e.ID]; ok {
						again++
						require.Equal(t, content, e.Event, "a duplicate has the content of the first")
						require.True(t, own[e.ID], "streams share no ids")
					}
					first[e.ID], own[e.ID] = e.Event, true
				}
			}
		}
		require.InDelta(t, rate*100_000, again, 4)
	}
}

// service answers as the API does: ids it has seen are duplicates.
func service(t *testing.T) *httptest.Server {
	t.Helper()
	var mu sync.Mutex
	seen := map[uuid.UUID]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := bytes.Buffer{}
		switch r.Header.Get("Content-Encoding") {
		case "gzip":
			z, err := gzip.NewReader(r.Body)
			if err == nil {
				_, _ = body.ReadFrom(z)
			}
		case "zstd":
			z, err := zstd.NewReader(r.Body)
			if err == nil {
				_, _ = body.ReadFrom(z)
				z.Close()
			}
		default:
			_, _ = body.ReadFrom(r.Body)
		}
		batch, err := event.Decode(&body, false, event.Limits{MaxEvents: 1000, NotAfter: until})
		if err != nil || r.Header.Get("Authorization") != "Bearer key" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		fresh := 0
		for _, e := range batch.Events {
			if !seen[e.ID] {
				seen[e.ID] = true
				fresh++
			}
		}
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintf(w, `{"accepted": %d, "duplicates": %d, "rejected": 0}`, fresh, len(batch.Events)-fresh)
	}))
	t.Cleanup(server.Close)
	return server
}

func TestClosedLoopAccountsForEveryEvent(t *testing.T) {
	t.Parallel()
	pool := newPool(t, loadgen.PoolConfig{Seed: 1, Events: 300})
	for _, compression := range []client.Compression{client.None, client.Gzip, client.Zstd} {
		report, err := loadgen.Run(t.Context(), pool, loadgen.Config{
			Client: client.Config{URL: service(t).URL, APIKey: "key", Connections: 4, Compression: compression},
			Stream: loadgen.StreamConfig{Seed: 1, Duplicates: 0.25},
			Batch:  30, Events: 10_010,
		})
		require.NoError(t, err)
		require.EqualValues(t, 10_010, report.Sent)
		require.InDelta(t, 2502, report.Duplicates, 4)
		require.Equal(t, report.Sent, report.Accepted+report.Duplicates)
		require.Equal(t, map[int]int64{202: 334}, report.Statuses)
		require.EqualValues(t, 334, report.Latency.TotalCount())

		var out bytes.Buffer
		require.NoError(t, report.Write(&out))
		require.Regexp(t, `events +10010: \d+ accepted`, out.String())
	}
}

func answering(t *testing.T, handler http.HandlerFunc) client.Config {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return client.Config{URL: server.URL, Connections: 1}
}

// Which connection sends an event is random; the events must not be.
func TestARunOfTheSameSeedSendsTheSame(t *testing.T) {
	t.Parallel()
	pool := newPool(t, loadgen.PoolConfig{Seed: 1, Events: 300})
	cfg := loadgen.Config{
		Client: client.Config{URL: service(t).URL, APIKey: "key", Connections: 7},
		Stream: loadgen.StreamConfig{Seed: 5}, Batch: 13, Events: 3000,
	}
	first, err := loadgen.Run(t.Context(), pool, cfg)
	require.NoError(t, err)
	require.EqualValues(t, 3000, first.Accepted)
	second, err := loadgen.Run(t.Context(), pool, cfg)
	require.NoError(t, err)
	require.EqualValues(t, 3000, second.Duplicates)
	cfg.Stream.Number++
	third, err := loadgen.Run(t.Context(), pool, cfg)
	require.NoError(t, err)
	require.EqualValues(t, 3000, third.Accepted)
}

func TestOtherAnswersAreCountedApart(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	statuses := []int{202, 429, 503, 202}
	to := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(statuses[n.Add(1)-1])
		fmt.Fprint(w, `{"accepted": 1, "duplicates": 2, "rejected": 2}`)
	})
	report, err := loadgen.Run(t.Context(), newPool(t, loadgen.PoolConfig{Events: 9}), loadgen.Config{Client: to, Batch: 5, Events: 20})
	require.NoError(t, err)
	require.Equal(t, map[int]int64{202: 2, 429: 1, 503: 1}, report.Statuses)
	require.Equal(t, "202: 2, 429: 1, 503: 1", report.Answers())
	require.EqualValues(t, []int64{10, 2, 4, 4}, []int64{report.Sent, report.Accepted, report.Duplicates, report.Rejected})
}

func TestLostEventsAreAnError(t *testing.T) {
	t.Parallel()
	to := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"accepted": 4, "duplicates": 0, "rejected": 0}`)
	})
	_, err := loadgen.Run(t.Context(), newPool(t, loadgen.PoolConfig{Events: 9}), loadgen.Config{Client: to, Batch: 5, Events: 20})
	require.ErrorIs(t, err, loadgen.ErrLost)

	to = answering(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) })
	_, err = loadgen.Run(t.Context(), newPool(t, loadgen.PoolConfig{Events: 9}), loadgen.Config{Client: to, Batch: 5, Events: 20})
	require.ErrorIs(t, err, loadgen.ErrNothing)
}

// All requests are due at once on one connection, so that each waits for those before
// it: a client's latency includes that wait, although each request alone is fast.
func TestOpenLoopCountsFromTheSchedule(t *testing.T) {
	t.Parallel()
	const rate, requests = 1_000_000, 200
	var handled []time.Time
	to := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		handled = append(handled, time.Now())
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"accepted": 1, "duplicates": 0, "rejected": 0}`)
	})
	pool := newPool(t, loadgen.PoolConfig{Events: 9})
	report, err := loadgen.Run(t.Context(), pool, loadgen.Config{Client: to, Batch: 1, Rate: rate, Events: requests})
	require.NoError(t, err)
	require.EqualValues(t, requests, report.Sent)
	require.Zero(t, report.Unsent)

	// The run began before the first was handled: each took at least this long.
	var least time.Duration
	for i, at := range handled {
		least += at.Sub(handled[0]) - time.Duration(i)*time.Second/rate
	}
	total := time.Duration(report.Latency.Mean()*requests) * time.Microsecond
	require.Greater(t, total, least*99/100) // the histogram has three digits
	require.Greater(t, total, 10*report.Elapsed, "they waited side by side")
}

func TestOpenLoopKeepsItsRate(t *testing.T) {
	t.Parallel()
	const rate, requests = 500, 50
	pool := newPool(t, loadgen.PoolConfig{Events: 9})
	to := client.Config{URL: service(t).URL, APIKey: "key", Connections: 4}
	report, err := loadgen.Run(t.Context(), pool, loadgen.Config{Client: to, Batch: 1, Rate: rate, Events: requests})
	require.NoError(t, err)
	require.Greater(t, report.Elapsed, (requests-1)*time.Second/rate, "none is sent before its time")
}

// Requests that were due but not sent are not in the latency, so they are reported.
func TestOpenLoopTellsWhatItCouldNotSend(t *testing.T) {
	t.Parallel()
	const rate = 1000
	ctx, cancel := context.WithCancel(t.Context())
	to := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		cancel() // the run ends while its only connection is in use
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"accepted": 1, "duplicates": 0, "rejected": 0}`)
	})
	pool := newPool(t, loadgen.PoolConfig{Events: 9})
	report, err := loadgen.Run(ctx, pool, loadgen.Config{Client: to, Batch: 1, Rate: rate * rate, Events: 1 << 30})
	require.NoError(t, err)
	require.EqualValues(t, 1, report.Requests())
	require.EqualValues(t, int64(report.Elapsed.Seconds()*rate*rate)-1, report.Unsent)
	var out bytes.Buffer
	require.NoError(t, report.Write(&out))
	require.Contains(t, out.String(), "requests were due")
}

func TestWrongSettingsAreRefused(t *testing.T) {
	t.Parallel()
	pool := newPool(t, loadgen.PoolConfig{Events: 9})
	good := loadgen.Config{Client: client.Config{URL: "http://127.0.0.1:1", Connections: 1}, Batch: 1, Events: 1}
	for name, spoil := range map[string]func(*loadgen.Config){
		"no URL":       func(c *loadgen.Config) { c.Client.URL = "127.0.0.1" },
		"connections":  func(c *loadgen.Config) { c.Client.Connections = 0 },
		"batch":        func(c *loadgen.Config) { c.Batch = 0 },
		"rate":         func(c *loadgen.Config) { c.Rate = -1 },
		"endless":      func(c *loadgen.Config) { c.Events = 0 },
		"version":      func(c *loadgen.Config) { c.Stream.UUID = 5 },
		"duplicates":   func(c *loadgen.Config) { c.Stream.Duplicates = 1 },
		"compression":  func(c *loadgen.Config) { c.Client.Compression = "br" },
		"no one there": func(*loadgen.Config) {},
	} {
		cfg := good
		spoil(&cfg)
		_, err := loadgen.Run(t.Context(), pool, cfg)
		require.Error(t, err, name)
	}
	_, err := loadgen.NewPool(loadgen.PoolConfig{Late: 2})
	require.Error(t, err)
}
