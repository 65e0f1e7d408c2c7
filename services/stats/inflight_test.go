package stats

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/inflight"
)

// longEvents are so many events with 32 KB of properties each.
func longEvents(n int) []event.Event {
	events := make([]event.Event, n)
	for i := range events {
		events[i] = event.Event{ID: uuid.New(), OccurredAt: at("2025-08-04T00:00:00Z") + int64(i), UserID: "u", Type: "t", Properties: `{"long":"` + strings.Repeat("x", 32<<10) + `"}`}
	}
	return events
}

// slowReader asks and then reads nothing until it is closed.
func (a *api) slowReader(t *testing.T, project int64, path string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: stats\r\nAuthorization: Bearer %s\r\n\r\n", path, a.keys[project])
	require.NoError(t, err)
	return conn
}

// TestSlowReaders: forty of one project hold no more than its share, the other project
// is answered, and whoever takes nothing is disconnected.
func TestSlowReaders(t *testing.T) {
	t.Parallel()
	const budget = 512 << 20
	a := newAPI(t)
	a.inFlight = inflight.NewBudget(budget, engine.MaxTaken, 100*time.Millisecond)
	a.patience = patience{grace: time.Hour, rate: 1 << 30}
	a.run(t)
	a.publish(t, 1, longEvents(1000)...)
	a.publish(t, 2, longEvents(100)...)
	a.visible(t)
	for i := range 40 {
		// Each its own question, so that they do not share their rows.
		a.slowReader(t, 1, fmt.Sprintf("/api/stats/events/latest?limit=%d", 1000-i))
	}
	require.Eventually(t, func() bool { return a.inFlight.Used() > 64<<20 }, 20*time.Second, 5*time.Millisecond)
	for range 3 {
		require.Len(t, a.get(t, 2, "/api/stats/events/latest?limit=50").ok(t)["data"], 50)
		require.LessOrEqual(t, a.inFlight.Used(), int64(budget))
	}
	var another reply
	limit := 900
	require.Eventually(t, func() bool {
		limit--
		a.slowReader(t, 1, fmt.Sprintf("/api/stats/events/latest?limit=%d", limit)) // in place of one that was refused
		another = a.get(t, 1, fmt.Sprintf("/api/stats/events/latest?limit=%d", limit-400))
		return another.StatusCode != http.StatusOK
	}, time.Minute, time.Millisecond)
	require.Equal(t, "503 /problems/busy ", another.refused(t))
	require.NotContains(t, a.metrics(), `analytics_stats_refused_total{reason="room"} 0`)
}

// TestLargeQuestionsAtOnce: questions of several large scans, asked at the same time by two
// projects with room for two, wait for room and for their turn, but never for each other.
func TestLargeQuestionsAtOnce(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.inFlight = inflight.NewBudget(3*engine.MaxTaken, engine.MaxTaken, 5*time.Minute)
	a.run(t)
	events := make([]event.Event, 20_000)
	for i := range events {
		events[i] = event.Event{
			ID: uuid.New(), OccurredAt: at("2025-08-04T00:00:00Z") + int64(i), UserID: fmt.Sprint(i % 5000), Type: "t",
			Properties: fmt.Sprintf(`{"item":"i%d"}`, i%8000),
		}
	}
	for project := range int64(2) {
		a.publish(t, project+1, events...)
	}
	a.visible(t)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			path := fmt.Sprintf("/api/stats/trends?from=2025-08-01&to=2025-08-31&series=t&breakdown=properties.item&other=true&top=%d", 10+i)
			if r := a.get(t, int64(i%2+1), path); r.StatusCode != http.StatusOK {
				t.Errorf("%d %s", r.StatusCode, r.body)
			}
		})
	}
	all.Wait()
	require.Zero(t, a.inFlight.Used())
}

// TestReadersMustRead: the answer of one that does not is given up.
func TestReadersMustRead(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.patience = patience{grace: 200 * time.Millisecond, rate: 1 << 40}
	a.run(t)
	a.publish(t, 1, longEvents(1000)...)
	a.visible(t)
	conn := a.slowReader(t, 1, "/api/stats/events/latest?limit=1000")
	require.Eventually(t, func() bool { return a.inFlight.Used() > 16<<20 }, 20*time.Second, time.Millisecond)
	require.Eventually(t, func() bool { return a.inFlight.Used() == 0 }, 20*time.Second, time.Millisecond)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer resp.Body.Close()
	var n int
	for b := make([]byte, 64<<10); err == nil; {
		var m int
		m, err = resp.Body.Read(b)
		n += m
	}
	require.ErrorContains(t, err, "unexpected EOF", "it can tell that its answer is not whole, after %d bytes", n)
	require.Less(t, n, 32<<20)
	require.Contains(t, a.metrics(), "analytics_stats_slow_readers_total 1\n")

	// The deadline was that of one answer, not of its connection.
	for range 2 {
		require.Len(t, a.get(t, 1, "/api/stats/events/latest?limit=20").ok(t)["data"], 20)
	}
	require.Eventually(t, func() bool { return a.inFlight.Used() == 0 }, 20*time.Second, time.Millisecond)
}

// TestAnswersAreBoundedAsTheyAreWritten: a character may become six.
func TestAnswersAreBoundedAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	events := make([]event.Event, 25)
	for i := range events {
		events[i] = event.Event{ID: uuid.New(), OccurredAt: at("2025-08-04T00:00:00Z"), UserID: "u", Type: strings.Repeat("\x01", 198) + fmt.Sprint(10+i)}
	}
	a.publish(t, 1, events...)
	a.visible(t)
	const path = "/api/stats/events?from=2025-06-01&to=2025-09-10&interval=hour&by=event_type&fill=zero&format="
	require.Equal(t, "422 /problems/answer-too-long to", a.get(t, 1, path+"json").refused(t))
	require.Equal(t, "422 /problems/answer-too-long to", a.get(t, 1, path+"ndjson").refused(t))
	for _, format := range []string{"csv", "parquet"} {
		r := a.get(t, 1, path+format)
		require.Equal(t, http.StatusOK, r.StatusCode)
		require.NotEmpty(t, r.body)
	}
	require.Zero(t, a.inFlight.Used())
}

// TestLongAnswersAtATime: those who ask for the longest answers there are wait for each
// other, some in vain, and other projects for none of them.
func TestLongAnswersAtATime(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *Config) { c.Warehouse.RollUpBytes = 1 << 30 }).run(t)
	events := make([]event.Event, 50)
	for i := range events {
		events[i] = event.Event{ID: uuid.New(), OccurredAt: at("2025-08-04T00:00:00Z"), UserID: "u", Type: strings.Repeat("😀", 198) + fmt.Sprint(10+i)}
	}
	a.publish(t, 1, events...)
	a.publish(t, 2, august()...)
	a.visible(t)
	const hours = "/api/stats/events?interval=hour&by=event_type&fill=zero&to=2025-08-31&from="
	require.Equal(t, "422 /problems/answer-too-long to", a.get(t, 1, hours+"2024-07-01").refused(t))
	var asked sync.WaitGroup
	var most int64
	for i := range 8 {
		asked.Go(func() {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.url+fmt.Sprintf("%s2025-07-%02d", hours, 7+i), nil)
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Authorization", "Bearer "+a.keys[1])
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			_, err = io.Copy(io.Discard, resp.Body)
			if err != nil || resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusServiceUnavailable {
				t.Error(resp.Status, err)
			}
		})
	}
	done := make(chan struct{})
	go func() { asked.Wait(); close(done) }()
	for range 50 {
		require.Equal(t, http.StatusOK, a.get(t, 2, "/api/stats/dau?from=2025-08-04&to=2025-08-06", "Cache-Control", "no-store").StatusCode)
		most = max(most, a.inFlight.Used())
	}
	<-done
	require.LessOrEqual(t, most, int64(512<<20))
	require.Eventually(t, func() bool { return a.inFlight.Used() == 0 }, 20*time.Second, time.Millisecond)
}
