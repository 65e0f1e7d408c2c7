package clickhouse

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/stats/engine"
)

func config(address string) Config {
	return Config{URL: "clickhouse://" + address, User: "default", Password: "s3cret", Files: "file:warehouse", FromEvents: 100, MaxQueries: 2, MemoryBytes: 1 << 30}
}

// asked is an engine over segments of some events each, whose files there are not.
func asked(t *testing.T, address string, timeout time.Duration, events ...int64) (*Engine, *observer.ObservedLogs) {
	core, logs := observer.New(zap.WarnLevel)
	s, err := Open(config(address), timeout, func(f segment.File) error {
		if f.Path == "1/damaged.parquet" {
			return segment.ErrQuarantined
		}
		return nil
	}, NewMetrics(prometheus.NewRegistry()), zap.New(core))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	at := time.Date(2025, 8, 1, 0, 0, 0, 0, time.UTC)
	var all []segment.Segment
	for _, n := range events {
		path := "1/whole.parquet"
		if n == 666 {
			path = "1/damaged.parquet"
		}
		all = append(all, segment.Segment{ProjectID: 1, Path: path, Events: n, MinAt: at, MaxAt: at, RollUp: &segment.Companion{}})
	}
	return New(s, manifest.NewSnapshot(1, outbox.Position{}, at, all, map[int64]int64{1: 1}), 1), logs
}

func count(t *testing.T, e *Engine) error {
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	day, err := calendar.ParseDate("2025-08-01")
	require.NoError(t, err)
	_, err = e.Counts(t.Context(), engine.Counts{Scope: engine.Scope{Zone: zone}, Range: engine.Range{From: day, To: day}})
	return err
}

func (e *Engine) counted(outcome string) float64 {
	return testutil.ToFloat64(e.server.metrics.scans.WithLabelValues(outcome))
}

// One that is down is asked once, and again half a minute later; until then nobody waits.
// Nothing of it keeps another engine from serving, and no log has what was asked.
func TestDown(t *testing.T) {
	t.Parallel()
	tried := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		tried++
		panic(http.ErrAbortHandler)
	}))
	defer server.Close()
	e, logs := asked(t, server.Listener.Addr().String(), 10*time.Second, 100)
	now := time.Now()
	e.server.now = func() time.Time { return now }
	require.ErrorIs(t, count(t, e), engine.ErrUnsupported)
	require.EqualValues(t, 1, e.counted("unavailable"))
	after := tried
	require.Positive(t, after)
	for range 5 {
		require.ErrorIs(t, count(t, e), errResting)
	}
	require.Equal(t, after, tried)
	require.EqualValues(t, 5, e.counted("resting"))
	require.EqualValues(t, 1, testutil.ToFloat64(e.server.metrics.resting))
	now = now.Add(breakFor)
	require.ErrorIs(t, count(t, e), errUnavailable)
	require.Greater(t, tried, after)
	require.Equal(t, 2, logs.Len())
	for _, entry := range logs.All() {
		require.NotContains(t, entry.ContextMap()["error"], "param_")
		require.NotContains(t, entry.ContextMap()["error"], "s3cret")
	}
}

// One that says nothing is given up when the time of a query is over, which is refused, and
// not asked again by others.
func TestSilent(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done():
		case <-ended:
		}
	}))
	defer server.Close()
	defer close(ended)
	e, _ := asked(t, server.Listener.Addr().String(), 200*time.Millisecond, 100)
	require.ErrorIs(t, count(t, e), ErrTimeout)
	require.ErrorIs(t, count(t, e), errResting)
}

// What it is not for is not asked.
func TestNotAsked(t *testing.T) {
	t.Parallel()
	e, _ := asked(t, "127.0.0.1:1", time.Second, 50, 49)
	require.ErrorIs(t, count(t, e), engine.ErrUnsupported)
	e, _ = asked(t, "127.0.0.1:1", time.Second)
	require.ErrorIs(t, count(t, e), engine.ErrUnsupported)
	e, _ = asked(t, "127.0.0.1:1", time.Second, 100, 666)
	err := count(t, e)
	require.ErrorIs(t, err, segment.ErrQuarantined)
	require.NotErrorIs(t, err, engine.ErrUnsupported)
	require.EqualValues(t, 0, e.counted("unavailable"))
}

// Of what a server says, what a question takes is refused; all else is left to another
// engine.
func TestExceptions(t *testing.T) {
	t.Parallel()
	e, _ := asked(t, "127.0.0.1:1", time.Second)
	for _, c := range []struct {
		code    int32
		message string
		want    error
		resting bool
	}{
		{159, "Timeout exceeded", ErrTimeout, false},
		{160, "Estimated query execution time is too long", ErrTimeout, false},
		{241, "Memory limit exceeded", ErrMemory, false},
		{396, "Limit for result exceeded", engine.ErrTooLarge, false},
		{395, inexact + ": while executing", errInexact, false},
		{395, missing + ": while executing", errUnavailable, true},
		{168, "AST is too big", engine.ErrUnsupported, false},
		{10, "Not found column", errRefused, false},
		{49, "Logical error: 'KeyCondition uses PREWHERE output'", errRefused, false},
		{70, "Unexpected inf or nan to integer conversion", errRefused, false},
		{158, "Limit for rows to GROUP BY exceeded", errRefused, false},
		{516, "Authentication failed", errUnavailable, true},
		{497, "Not enough privileges", errUnavailable, true},
		{499, "S3 error", errUnavailable, true},
		{202, "Too many simultaneous queries", errUnavailable, true},
	} {
		e.server.rest(time.Time{})
		err := e.server.judge(t.Context(), t.Context(), errors.Join(&clickhouse.Exception{Code: c.code, Message: c.message}))
		require.ErrorIs(t, err, c.want, c.message)
		require.NotErrorIs(t, err, map[bool]error{true: errRefused, false: errUnavailable}[c.resting], c.message)
		require.Equal(t, !c.resting, e.server.mayAsk(), c.message)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, e.server.judge(gone, gone, io.EOF), context.Canceled)
}

// A real server that stops answering is asked no more, and again when it is back: files that
// it does not find are a reason, too.
func TestBack(t *testing.T) {
	t.Parallel()
	real := os.Getenv("TEST_CLICKHOUSE")
	if real == "" {
		t.Skip("there is no ClickHouse: make engine-test starts one")
	}
	to, err := url.Parse(real)
	require.NoError(t, err)
	e, logs := asked(t, to.Host, time.Minute, 100)
	require.ErrorIs(t, count(t, e), errUnavailable) // the files are not there
	require.Equal(t, 1, logs.Len())

	proxy, down := httputil.NewSingleHostReverseProxy(to), false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down {
			http.Error(w, "no upstream", http.StatusBadGateway)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer server.Close()
	e, _ = asked(t, strings.TrimPrefix(server.URL, "http://"), time.Minute, 100)
	now := time.Now()
	e.server.now = func() time.Time { return now }
	one := func() error {
		st := newStatement(engine.Scope{}, "SELECT 1", engine.Always())
		err := e.server.query(t.Context(), st, "SELECT toInt64(1)", func(driver.Rows) error { return nil })
		return e.server.judge(t.Context(), t.Context(), err)
	}
	require.NoError(t, one())
	down = true
	require.ErrorIs(t, one(), errUnavailable)
	require.False(t, e.server.mayAsk())
	now, down = now.Add(breakFor), false
	require.True(t, e.server.mayAsk())
	require.False(t, e.server.mayAsk(), "one at a time")
	require.NoError(t, one())
	require.True(t, e.server.mayAsk())
}

func TestConfig(t *testing.T) {
	t.Parallel()
	good := config("clickhouse:8123")
	require.NoError(t, good.Validate())
	require.NoError(t, (&Config{}).Validate())
	require.NotContains(t, good.Password.String()+good.Password.GoString(), "s3cret")
	for name, change := range map[string]func(*Config){
		"ENGINE_URL must be":        func(c *Config) { c.URL = "http://clickhouse:8123" },
		"ENGINE_URL must be clickh": func(c *Config) { c.URL = "clickhouse://clickhouse:8123/?password=x" },
		"ENGINE_URL must not have":  func(c *Config) { c.URL = "clickhouse://me:s3cret@clickhouse:8123" },
		"ENGINE_USER":               func(c *Config) { c.User = "" },
		"ENGINE_FILES":              func(c *Config) { c.Files = "" },
		"ENGINE_FROM_EVENTS":        func(c *Config) { c.FromEvents = 0 },
		"ENGINE_MAX_QUERIES":        func(c *Config) { c.MaxQueries = 0 },
		"ENGINE_MEMORY_BYTES":       func(c *Config) { c.MemoryBytes = 1 },
	} {
		c := good
		change(&c)
		err := c.Validate()
		require.ErrorContains(t, err, name)
		require.NotContains(t, err.Error(), "s3cret")
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	two := []segment.Segment{{Path: "7/1-a.parquet"}, {Path: "7/1-b.parquet"}}
	for text, want := range map[string]string{
		"file:warehouse":    "file('warehouse/7/{1-a.parquet,1-b.parquet}', 'Parquet', 's')",
		"file:/data/a.b/":   "file('/data/a.b/7/{1-a.parquet,1-b.parquet}', 'Parquet', 's')",
		"s3:segments":       "s3(segments, filename = '7/{1-a.parquet,1-b.parquet}', format = 'Parquet', structure = 's')",
		"s3Cluster:c/files": "s3Cluster('c', files, filename = '7/{1-a.parquet,1-b.parquet}', format = 'Parquet', structure = 's')",
	} {
		f, err := parseFiles(text)
		require.NoError(t, err)
		require.Equal(t, want, f.source(two, "s"))
		require.NotContains(t, f.source(two[:1], "s"), "{")
	}
	for _, bad := range []string{"", "file:", "file:../x", "file:a'b", "file:{a,b}", "s3:", "s3:a b", "s3:https://x", "s3Cluster:c", "s3Cluster:c/", "url:x"} {
		_, err := parseFiles(bad)
		require.Error(t, err, bad)
	}
}

// What does not fit into a statement is left to another engine, without asking.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	e, _ := asked(t, "127.0.0.1:1", time.Second, 100)
	run := func(change func(*statement)) error {
		st := newStatement(engine.Scope{}, "SELECT 1 FROM {{local}}", engine.Always())
		change(st)
		return e.run(t.Context(), st, func(driver.Rows) error { return nil })
	}
	for name, change := range map[string]func(*statement){
		"values": func(st *statement) {
			for i := range int64(maxValues) {
				st.integer(i)
			}
		},
		"bytes": func(st *statement) { st.string(strings.Repeat("x", maxValueBytes)) },
		"keys":  func(st *statement) { st.table(maxKeys+1, ext.Column("key", "UInt32")) },
	} {
		err := run(change)
		require.ErrorIs(t, err, engine.ErrUnsupported, name)
		require.NotErrorIs(t, err, errUnavailable, name)
	}
	require.ErrorIs(t, run(func(*statement) {}), errUnavailable)
}
