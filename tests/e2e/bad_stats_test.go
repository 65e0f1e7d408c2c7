package e2e

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/stack"
)

const (
	dau       = "/api/stats/dau"
	top       = "/api/stats/top-events"
	retention = "/api/stats/retention"
	august    = "from=2025-08-01&to=2025-08-31"
)

// badQueries are refused with 422; the first error names the parameter.
var badQueries = []struct{ path, query, field string }{
	{dau, "to=2025-08-31", "from"},
	{dau, "from=2025-08-01", "to"},
	{dau, "from=2025-08-31&to=2025-08-01", ""},
	{dau, "from=2025-13-01&to=2025-08-31", "from"},
	{dau, "from=2025-08-01T00:00:00Z&to=2025-08-31", "from"},
	{dau, "from=2010-01-01&to=2025-08-31", ""},
	{top, august + "&limit=0", "limit"},
	{top, august + "&limit=-1", "limit"},
	{top, august + "&limit=1001", "limit"},
	{top, august + "&limit=NaN", "limit"},
	{top, august + "&limit=1e9", "limit"},
	{top, august + "&include=passwords", "include"},
	{retention, "start_date=2025-08-01&windows=0", "windows"},
	{retention, "start_date=2025-08-01&windows=53", "windows"},
	{retention, "start_date=2025-08-01&granularity=hour", "granularity"},
	{retention, "start_date=2025-08-01&cohort=sometimes", "cohort"},
	{retention, "windows=4", "start_date"},
	{dau, august + "&timezone=Mars/Olympus", "timezone"},
	{dau, august + "&timezone=%2B25:00", "timezone"},
	{dau, august + "&timezone=%2B02:00", "timezone"},
	{dau, august + "&timezone=../../etc/passwd", "timezone"},
	{dau, august + "&timezone=Local", "timezone"},
	{dau, august + "&timezone=", "timezone"},
	{dau, august + "&from=2025-08-02", "from"},
	{dau, august + "&from_date=2025-08-01", ""},
	{dau, august + "&colour=red", "colour"},
	{dau, august + "&fill=one", "fill"},
	{dau, august + "&segment=event_type:", "segment"},
	{dau, august + strings.Repeat("&segment=event_type:a", 51), "segment"},
	{dau, august + "&segment=properties.a=" + strings.Repeat("x", 6<<10), "segment"},
	{dau, august + "&min_position=garbage", "min_position"},
	{"/api/stats/active-users", august + "&window=0", "window"},
	{"/api/stats/active-users", august + "&window=91", "window"},
	{"/api/stats/events", august + "&interval=minute", "interval"},
	{"/api/stats/events/latest", "limit=0", "limit"},
	{"/api/stats/events/not-a-uuid", "", ""},
}

func TestRefusedQueries(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := newUser(t, s.URL)
		for _, q := range badQueries {
			t.Run(strings.TrimPrefix(q.path, "/api/stats/")+"?"+q.query[:min(60, len(q.query))], func(t *testing.T) {
				p := c.do(t, http.MethodGet, q.path+"?"+q.query, nil).is(t, 422, "").problem(t)
				if q.field != "" {
					require.NotEmpty(t, p.Errors)
					require.Equal(t, q.field, p.Errors[0].Field)
				}
			})
		}
		t.Run("a strange value finds nothing", func(t *testing.T) {
			r := c.upload(t, event(newID()))
			for _, segment := range []string{"properties.' OR 1=1--=x", "event_type:' OR '1'='1", "properties.a;DROP TABLE x=1"} {
				require.Empty(t, rows[any](t, c, r.Position, dau, "from", "2025-08-01", "to", "2025-08-01", "segment", segment), segment)
			}
		})
		t.Run("methods", func(t *testing.T) {
			c.do(t, http.MethodPut, dau, nil).is(t, 405, "")
			c.get(t, "/api/stats/nothing").is(t, 404, "")
			c.get(t, "/metrics").is(t, 404, "")
		})
	})
}

// TestPositions asks for positions that are not there to be waited for.
func TestPositions(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c, other := newUser(t, s.URL), newUser(t, s.URL)
		r := c.upload(t, event(newID()))
		query := []string{"from", "2025-08-01", "to", "2025-08-31"}
		other.get(t, dau, append(query, "min_position", r.Position)...).is(t, 422, "")

		// A position of this project that was changed on the way.
		forged := []byte(r.Position)
		forged[len(forged)/2] ^= 1
		c.get(t, dau, append(query, "min_position", string(forged))...).is(t, 422, "")

		start := time.Now()
		c.get(t, dau, append(query, "min_position", r.Position, "wait", "1h")...).is(t, 200, "")
		require.Less(t, time.Since(start), 30*time.Second)
	})
}

// TestConditionalQueries asks again for what has not changed.
func TestConditionalQueries(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := newUser(t, s.URL)
		query := []string{"from", "2025-08-01", "to", "2025-08-31"}
		r := c.upload(t, event(newID()))
		first := c.get(t, dau, append(query, "min_position", r.Position, "wait", "30s")...).is(t, 200, "")
		require.NotEmpty(t, first.header.Get("ETag"))
		require.Equal(t, "private, no-cache", first.header.Get("Cache-Control"))

		plain := c.get(t, dau, query...).is(t, 200, "")
		unchanged := c.with("If-None-Match", plain.header.Get("ETag"))
		require.Empty(t, unchanged.get(t, dau, query...).is(t, 304, "").body)
		r = c.upload(t, event(newID(), "user_id", "2"))
		c.get(t, dau, append(query, "min_position", r.Position, "wait", "30s")...).is(t, 200, "")
		unchanged.get(t, dau, query...).is(t, 200, "")

		// POST with the same names gives the same answer.
		posted := c.post(t, dau, object{"from": "2025-08-01", "to": "2025-08-31"}).is(t, 200, "")
		require.Equal(t, data(t, c.get(t, dau, query...)), data(t, posted))
		aliased := c.get(t, dau, "from_date", "2025-08-01", "to_date", "2025-08-31").is(t, 200, "")
		require.Equal(t, data(t, posted), data(t, aliased))
	})
}

func data(t *testing.T, a *answer) (rows any) {
	t.Helper()
	var out struct{ Data any }
	a.decode(t, &out)
	require.NotEmpty(t, out.Data)
	return out.Data
}

// TestHealth asks the gateway whether all is well, and for a request id.
func TestHealth(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := anonymous(t, s.URL)
		c.get(t, "/healthz").is(t, 200, "")
		c.get(t, "/readyz").is(t, 200, "")
		a := c.with("X-Request-Id", "given-by-the-client").get(t, "/healthz")
		require.Equal(t, "given-by-the-client", a.header.Get("X-Request-Id"))
		a = c.with("X-Request-Id", "\"quoted\"").get(t, "/healthz")
		require.NotContains(t, a.header.Get("X-Request-Id"), "quoted")
		id := c.with("X-Request-Id", strconv.Itoa(1)).get(t, "/api/stats/nothing").header.Get("X-Request-Id")
		require.Greater(t, len(id), 8)
	})
}
