package e2e

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/outbox"
	"eventanalytics/tests/harness/api"
	"eventanalytics/tests/harness/stack"
)

const (
	dau       = "/api/stats/dau"
	top       = "/api/stats/top-events"
	retention = "/api/stats/retention"
	funnels   = "/api/stats/funnels"
	sessions  = "/api/stats/sessions"
	paths     = "/api/stats/paths"
	august    = "from=2025-08-01&to=2025-08-31"
	twoSteps  = "&steps=view&steps=purchase"
)

// badQuery is refused with 422; the first error names the parameter.
type badQuery struct {
	row                int
	path, query, field string
}

var badQueries = []badQuery{
	{43, dau, "to=2025-08-31", "from"},
	{43, dau, "from=2025-08-01", "to"},
	{43, dau, "from=2025-08-31&to=2025-08-01", "from"},
	{43, dau, "from=2025-13-01&to=2025-08-31", "from"},
	{43, dau, "from=2025-08-01T00:00:00Z&to=2025-08-31", "from"},
	{43, dau, "from=2015-08-24&to=2025-08-31", "to"}, // 3,661 days
	{43, retention, "windows=4", "start_date"},
	{43, retention, "start_date=2025-08-01&cohort=sometimes", "cohort"},
	{44, top, august + "&limit=0", "limit"},
	{44, top, august + "&limit=-1", "limit"},
	{44, top, august + "&limit=1001", "limit"},
	{44, top, august + "&limit=NaN", "limit"},
	{44, top, august + "&limit=1e9", "limit"},
	{44, top, august + "&include=passwords", "include"},
	{44, "/api/stats/events/latest", "limit=0", "limit"},
	{44, "/api/stats/active-users", august + "&window=0", "window"},
	{44, "/api/stats/active-users", august + "&window=91", "window"},
	{45, retention, "start_date=2025-08-01&windows=0", "windows"},
	{45, retention, "start_date=2025-08-01&windows=53", "windows"},
	{45, retention, "start_date=2025-08-01&granularity=hour", "granularity"},
	{45, "/api/stats/events", august + "&interval=minute", "interval"},
	{46, dau, august + "&timezone=Mars/Olympus", "timezone"},
	{46, dau, august + "&timezone=%2B25:00", "timezone"},
	{46, dau, august + "&timezone=%2B02:00", "timezone"},
	{46, dau, august + "&timezone=../../etc/passwd", "timezone"},
	{46, dau, august + "&timezone=Local", "timezone"},
	{46, dau, august + "&timezone=", "timezone"},
	{47, dau, august + "&from=2025-08-02", "from"},
	{47, dau, august + "&to=2025-08-31", "to"},
	{47, dau, august + "&timezone=UTC&timezone=UTC", "timezone"},
	{47, dau, august + "&from_date=2025-08-01", "from_date"},
	{47, dau, august + "&to_date=2025-08-31", "to_date"},
	{47, dau, august + "&colour=red", "colour"},
	{47, dau, august + "&fill=one", "fill"},
	{48, dau, august + "&segment=event_type:", "segment"},
	{48, dau, august + strings.Repeat("&segment=event_type:a", 51), "segment"},
	{48, dau, august + "&segment=properties.a=" + strings.Repeat("x", 6<<10), "segment"},
	{49, dau, august + "&min_position=garbage", "min_position"},
	{49, dau, august + "&wait=soon", "wait"},
	{49, dau, august + "&as_of=garbage", "as_of"},
	{49, "/api/identity/restated", august + "&since=garbage", "since"},
	{49, "/api/identity/restated", august, "since"},
	{49, "/api/identity/changes", "", "since"},
	{44, dau, august + "&identity=both", "identity"},
	{50, "/api/stats/events/not-a-uuid", "", "event_id"},
	{50, "/api/groups/company/" + strings.Repeat("x", 201), "", "key"},
	{50, "/api/groups/company/acme", "members=1", "members"},
	{50, "/api/stats/profiles/1/events", "after=1", "after"},
	{50, "/api/stats/profiles", "after=1", "after"},
	{50, "/api/stats/profiles", "sort=name", "sort"},
	{50, "/api/stats/profiles", "fields=properties.plan", "fields[0]"},
	{50, "/api/stats/profiles", "fields=user.a&fields=user.a", "fields[1]"},
	{52, dau, august + "&filter=event_type:", "filter"},
	{52, dau, august + "&filter=" + url.QueryEscape(`{"any":["properties.price>"]}`), "filter.any[0]"},
	{52, dau, august + "&filter=" + url.QueryEscape(`[{"not":{"or":[]}}]`), "filter[0].not"},
	{52, dau, august + "&filter=" + url.QueryEscape(`{"any":[],"any":[]}`), "filter"},
	{52, dau, august + "&filter=" + url.QueryEscape(`{"any":[`), "filter"},
	{52, dau, august + "&filter=" + strings.Repeat("[", 9) + strings.Repeat("]", 9), "filter" + strings.Repeat("[0]", 8)},
	{52, dau, august + "&filter=" + url.QueryEscape(`["event_type:a"`+strings.Repeat(`,"event_type:a"`, 100)+`]`), "filter"},
	{52, dau, august + "&filter=" + url.QueryEscape("properties.a:matches(()"), "filter"},
	{52, dau, august + "&filter=" + url.QueryEscape("properties.a:matches("+strings.Repeat("x{900}", 4)+")"), "filter"},
	{52, dau, august + "&filter=" + url.QueryEscape(`{"did":"purchase","times":"often"}`), "filter.times"},
	{52, dau, august + "&filter=" + url.QueryEscape(`{"funnel":{"steps":["a"]}}`), "filter.funnel.steps"},
	{52, dau, august + "&filter=cohort:paying", "filter"},
	{53, funnels, august, "steps"},
	{53, funnels, august + "&steps=view", "steps"},
	{53, funnels, august + strings.Repeat("&steps=view", 21), "steps"},
	{53, funnels, august + "&steps=view&steps=" + url.QueryEscape(`{"filter":{"any":["properties.price>"]}}`), "steps[1].filter.any[0]"},
	{53, funnels, august + "&steps=view&steps=" + url.QueryEscape(`{"measure":"users"}`), "steps[1].measure"},
	{53, funnels, august + twoSteps + "&window=367d", "window"},
	{53, funnels, august + twoSteps + "&order=sorted", "order"},
	{53, funnels, august + twoSteps + "&order=any&exclude=x", "exclude"},
	{53, funnels, august + twoSteps + "&exclude=" + url.QueryEscape(`[{"event":"x","after":2}]`), "exclude[0].after"},
	{53, funnels, august + twoSteps + "&view=times&interval=day", "interval"},
	{53, funnels, august + twoSteps + "&bins=0&bins=60", "bins"},
	{53, funnels, august + twoSteps + "&view=times&bins=" + url.QueryEscape("[0,60,60]"), "bins[2]"},
	{53, funnels, august + twoSteps + "&attribution=3&breakdown=event_type", "attribution"},
	{53, funnels, august + twoSteps + "&interval=minute", "interval"},
	{54, sessions, august + "&gap=59s", "gap"},
	{54, sessions, august + "&gap=25h", "gap"},
	{54, sessions, august + "&breakdown=entry.exit.user_id", "breakdown"},
	{54, dau, august + "&filter=entry.user_id=1", "filter"},
	{54, paths, august + "&node=exit.event_type", "node"},
	{54, paths, august + "&steps=1", "steps"},
	{54, paths, august + "&steps=21", "steps"},
	{54, paths, august + "&top=101", "top"},
	{54, paths, august + "&within=367d", "within"},
	{54, paths, august + "&start=" + url.QueryEscape(`["a","b"]`), "start"},
	{54, paths, august + "&start=" + url.QueryEscape(`{"measure":"users"}`), "start.measure"},
	{54, paths, august + "&end=" + url.QueryEscape(`{"filter":{"any":["properties.price>"]}}`), "end.filter.any[0]"},
}

func (q badQuery) name() string {
	return strings.TrimPrefix(q.path, "/api/stats/") + "?" + q.query[:min(60, len(q.query))]
}

func (q badQuery) ask(t *testing.T, c *caller) {
	p := c.Do(t, http.MethodGet, q.path+"?"+q.query, nil).Is(t, 422, "").Problem(t)
	require.Contains(t, []string{"invalid-parameter", "unknown-parameter", "invalid-position", "unknown-cohort"}, p.Code)
	require.NotEmpty(t, p.Fields)
	require.Equal(t, q.field, p.Fields[0].Field)
}

// oddQueries are refused for what is not in the query, or answered.
var oddQueries = []badInput{
	{row: 47, name: "as JSON", ask: func(t *testing.T, c *caller) {
		c.Post(t, dau, object{"from": "2025-08-01", "from_date": "2025-08-01", "to": "2025-08-31"}).Is(t, 422, "invalid-parameter")
		p := c.Post(t, dau, object{"from": "2025-08-01", "to": "2025-08-31", "colour": "red"}).Is(t, 422, "").Problem(t)
		require.Equal(t, "colour", p.Fields[0].Field)
	}},
	{row: 48, name: "a strange value finds nothing", stored: 1, ask: func(t *testing.T, c *caller) {
		d := newUser(t, c.URL())
		r := d.Upload(t, event(newID()))
		for _, segment := range []string{"properties.' OR 1=1--=x", "event_type:' OR '1'='1", "properties.a;DROP TABLE x=1"} {
			require.Empty(t, api.Rows[any](t, d, r.Position, dau, "from", "2025-08-01", "to", "2025-08-01", "segment", segment), segment)
		}
	}},
	{row: 48, name: "10 KiB", ask: func(t *testing.T, c *caller) {
		long := "properties.a=" + strings.Repeat("x", 10<<10)
		body := object{"from": "2025-08-01", "to": "2025-08-31", "segment": long}
		p := c.Post(t, dau, body).Is(t, 422, "invalid-parameter").Problem(t)
		require.Equal(t, "segment", p.Fields[0].Field)
	}},
	{row: 52, name: "as JSON", ask: func(t *testing.T, c *caller) {
		c.Post(t, dau, object{"from": "2025-08-01", "to": "2025-08-31", "filter": object{"not": 1}}).Is(t, 422, "invalid-parameter")
	}},
	{row: 56, name: "SQL", ask: func(t *testing.T, c *caller) {
		for _, body := range []object{
			{"sql": ""}, {"sql": "SELEC 1"}, {"sql": "SELECT 1; SELECT 2"}, {"sql": "DROP VIEW events"}, {"sql": "SELECT * FROM '/etc/passwd'"},
			{"sql": "SELECT * FROM read_text('/etc/passwd')"}, {"sql": "SELECT getenv('AUTH_SECRET')"}, {"sql": "SELECT " + strings.Repeat("(", 9000)},
			{"sql": "SELECT " + strings.Repeat("1,", 9000) + "1"}, {"sql": "FROM cohort('none')"}, {"sql": "SELECT repeat('x', 2000000) AS x"},
		} {
			p := c.Post(t, "/api/sql", body).Is(t, 422, "").Problem(t)
			require.Equal(t, "sql", p.Fields[0].Field, body)
		}
		for field, body := range map[string]object{
			"params": {"sql": "SELECT ? AS x"}, "limit": {"sql": "FROM range(2)", "limit": 1}, "from": {"sql": "SELECT 1", "from": "2025-13-01"}, "timezone": {"sql": "SELECT 1", "timezone": "Mars"},
		} {
			p := c.Post(t, "/api/sql", body).Is(t, 422, "").Problem(t)
			require.Equal(t, field, p.Fields[0].Field)
		}
		c.Post(t, "/api/sql", object{"sql": "SELECT len(range(4000000000)) AS x"}).Is(t, 503, "query-too-large")
	}},
	{row: 49, name: "positions of others", stored: 1, ask: func(t *testing.T, c *caller) {
		r := c.Upload(t, event(newID()))
		newUser(t, c.URL()).Get(t, dau, append(days, "min_position", r.Position)...).Is(t, 422, "invalid-position")
		forged := []byte(r.Position)
		forged[len(forged)/2] ^= 1
		c.Get(t, dau, append(days, "min_position", string(forged))...).Is(t, 422, "invalid-position")
		c.Get(t, dau, append(days, "min_position", r.Position, "wait", "1h")...).Is(t, 200, "")
	}},
	{row: 49, name: "a position of the future", ask: func(t *testing.T, c *caller) {
		start := time.Now()
		a := c.Get(t, dau, append(days, "min_position", future(t, c), "wait", "1s")...).Is(t, 503, "not-fresh-yet")
		require.NotEmpty(t, a.Header.Get("Retry-After"))
		require.GreaterOrEqual(t, time.Since(start), time.Second)
	}},
	{row: 50, name: "another's project", stored: 1, ask: func(t *testing.T, c *caller) {
		owner := newUser(t, c.URL())
		seesNothing(t, newUser(t, c.URL()), owner, owner.Upload(t, event(newID())).Position)
	}},
}

// future is a position of the caller's project that nobody has reached.
func future(t *testing.T, c *caller) string {
	t.Helper()
	return outbox.NewTokens(derivedKey(t, "position")).Encode(c.Project, outbox.Position{Incarnation: 1, XID: 1 << 60})
}

// TestUnknownRoutes asks for what is not there.
func TestUnknownRoutes(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := newUser(t, s.URL)
		c.Do(t, http.MethodPut, dau, nil).Is(t, 405, "method-not-allowed")
		c.Get(t, "/api/stats/nothing").Is(t, 404, "not-found")
		c.Get(t, "/metrics").Is(t, 404, "not-found")
	})
}

// TestConditionalQueries asks again for what has not changed.
func TestConditionalQueries(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := newUser(t, s.URL)
		query := []string{"from", "2025-08-01", "to", "2025-08-31"}
		r := c.Upload(t, event(newID()))
		first := c.Visible(t, r.Position, dau, query...)
		require.NotEmpty(t, first.Header.Get("ETag"))
		require.Equal(t, "private, no-cache", first.Header.Get("Cache-Control"))

		plain := c.Get(t, dau, query...).Is(t, 200, "")
		unchanged := c.With("If-None-Match", plain.Header.Get("ETag"))
		require.Empty(t, unchanged.Get(t, dau, query...).Is(t, 304, "").Body)
		r = c.Upload(t, event(newID(), "user_id", "2"))
		c.Visible(t, r.Position, dau, query...)
		unchanged.Get(t, dau, query...).Is(t, 200, "")

		// POST with the same names gives the same answer.
		posted := c.Post(t, dau, object{"from": "2025-08-01", "to": "2025-08-31"}).Is(t, 200, "")
		require.Equal(t, data(t, c.Get(t, dau, query...)), data(t, posted))
		aliased := c.Get(t, dau, "from_date", "2025-08-01", "to_date", "2025-08-31").Is(t, 200, "")
		require.Equal(t, data(t, posted), data(t, aliased))
	})
}

func data(t *testing.T, a *answer) (rows any) {
	t.Helper()
	var out struct{ Data any }
	a.Decode(t, &out)
	require.NotEmpty(t, out.Data)
	return out.Data
}

// TestHealth asks the gateway whether all is well, and for a request id.
func TestHealth(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := anonymous(t, s.URL)
		c.Get(t, "/healthz").Is(t, 200, "")
		c.Get(t, "/readyz").Is(t, 200, "")
		a := c.With("X-Request-Id", "given-by-the-client").Get(t, "/healthz")
		require.Equal(t, "given-by-the-client", a.Header.Get("X-Request-Id"))
		a = c.With("X-Request-Id", "\"quoted\"").Get(t, "/healthz")
		require.NotContains(t, a.Header.Get("X-Request-Id"), "quoted")
		id := c.With("X-Request-Id", strconv.Itoa(1)).Get(t, "/api/stats/nothing").Header.Get("X-Request-Id")
		require.Greater(t, len(id), 8)
	})
}
