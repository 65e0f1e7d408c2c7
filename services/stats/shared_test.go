package stats

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/auth/authtest"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/pkg/share"
	"eventanalytics/services/stats/question"
)

// open asks with a secret, and with nothing else.
func (a *api) open(t *testing.T, secret, path string, headers ...string) reply {
	t.Helper()
	return a.send(t, 0, "GET", "/api/share"+path, "", append([]string{"Authorization", "Share " + secret}, headers...)...)
}

// questionsToShare has each question that can be shared, with few parameters and with many.
var questionsToShare = []string{
	`dau {"from": "2025-08-01", "to": "2025-08-31"}`,
	`top-events {"from_date": "-2mo", "to_date": "today", "include": "users"}`,
	`retention {"start_date": "2025-08-01"}`,
	`events {"from": "2025-08-01", "to": "2025-08-31", "interval": "week", "by": "event_type"}`,
	`active-users {"from": "2025-08-01", "to": "2025-08-31", "timezone": "Europe/Kyiv"}`,
	`event-types {}`,
	`properties {"from": "2025-08-01", "to": "2025-08-31"}`,
	`property-values {"from": "2025-08-01", "to": "2025-08-31", "property": "properties.country"}`,
	`trends {"from": "2025-08-01", "to": "2025-08-31", "series": ["login", {"event": "buy", "measure": "sum(properties.price)"}], "filter": {"not": "properties.country=PL"}, "interval": "week"}`,
	`trends {"from": "2025-08-01", "to": "2025-08-31", "series": ["*"], "breakdown": ["event_type"], "compare": "previous"}`,
	`lifecycle {"from": "2025-08-01", "to": "2025-08-31"}`,
	`stickiness {"from": "2025-08-01", "to": "2025-08-31"}`,
	`funnels {"from": "2025-08-01", "to": "2025-08-31", "steps": ["login", "buy"]}`,
	`sessions {"from": "2025-08-01", "to": "2025-08-31"}`,
	`paths {"from": "2025-08-01", "to": "2025-08-31"}`,
}

// TestShareAnswersAsTheQuestion: a tile's answer is that of the question asked by a member,
// in each format, of every question that can be shared.
func TestShareAnswersAsTheQuestion(t *testing.T) {
	t.Parallel()
	b := newBoard(t, newAPI(t).run(t), share.BoardRange{}, questionsToShare...)
	key := authtest.Key(t, b.pool, b.owner, auth.ScopeRead)
	_, secret := b.share(t, `{}`)
	asked := map[string]bool{}
	for i, q := range b.questions {
		route, params, _ := strings.Cut(q, " ")
		asked["/api/stats/"+route] = true
		direct := b.send(t, 0, "POST", "/api/stats/"+route, params, "Content-Type", "application/json", "Authorization", "Bearer "+key)
		shared := b.open(t, secret, fmt.Sprint("/tiles/t", i))
		want, got := direct.ok(t), shared.ok(t)
		require.NotEmpty(t, want["data"], q)
		for _, member := range []string{"data", "query", "meta"} {
			require.Equal(t, want[member], got[member], "%s of %s", member, q)
		}
		require.Equal(t, direct.Header.Get("ETag"), shared.Header.Get("ETag"), q)
		require.Equal(t, 304, b.open(t, secret, fmt.Sprint("/tiles/t", i), "If-None-Match", shared.Header.Get("ETag")).StatusCode, q)
	}
	for _, d := range question.All() {
		require.Equal(t, !d.Private, asked[d.Path], "%s is shared here, or private", d.Path)
	}
	csv := b.open(t, secret, "/tiles/t0?format=csv")
	require.Equal(t, "date,dau,incomplete\n2025-08-04,2,false\n2025-08-06,1,false\n2025-08-12,1,false\n", string(csv.body))
	require.Equal(t, `attachment; filename="dau_2025-08-01_2025-08-31.csv"`, csv.Header.Get("Content-Disposition"))
	require.Equal(t, "text/csv; charset=utf-8", b.open(t, secret, "/tiles/t0", "Accept", "text/csv").Header.Get("Content-Type"))
	require.Equal(t, "422 /problems/invalid-parameter format", b.open(t, secret, "/tiles/t0?format=pdf").refused(t))
	require.Equal(t, "422 /problems/unknown-parameter from", b.open(t, secret, "/tiles/t0?from=2025-01-01").refused(t), "the client names a tile and nothing else")
	require.Equal(t, "422 /problems/unknown-parameter project", b.open(t, secret, "/tiles/t0?project=1").refused(t))
	require.Equal(t, "404 /problems/not-found ", b.open(t, secret, "/tiles/words").refused(t))
	require.Equal(t, "404 /problems/not-found ", b.open(t, secret, "/tiles/another").refused(t))
}

// TestShareStays: a share shows the board of its version until it is changed, and still dates
// are those of then.
func TestShareStays(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	// Of the database's clock, by which shares are made.
	today := time.Now().UTC()
	a.mu.Lock()
	a.clock = today.AddDate(0, 0, 10)
	a.mu.Unlock()
	b := newBoard(t, a, share.BoardRange{From: "-7d", To: "today", Timezone: "Asia/Kathmandu"}, `dau {"from_date": "2025-08-01", "to": "2025-08-31"}`, `retention {"start_date": "-11w", "end_date": "today"}`)
	still, secretStill := b.share(t, `{"dates": "still", "days": 1}`)
	_, secretMoving := b.share(t, `{"dates": "moving"}`)
	zone, err := time.LoadLocation("Asia/Kathmandu")
	require.NoError(t, err)
	day := func(days int) string { return today.In(zone).AddDate(0, 0, days).Format(time.DateOnly) }

	shown := b.open(t, secretStill, "").ok(t)
	require.Equal(t, map[string]any{"from": day(-7), "to": day(0), "timezone": "Asia/Kathmandu"}, shown["range"])
	require.Equal(t, "Growth", shown["name"])
	require.Equal(t, "still", shown["dates"])
	require.Equal(t, float64(2), shown["version"])
	require.Len(t, shown["tiles"], 3)
	require.Equal(t, "-7d", b.open(t, secretMoving, "").ok(t)["range"].(map[string]any)["from"])
	dates := func(secret, tile string) string {
		q := b.open(t, secret, "/tiles/"+tile).ok(t)["query"].(map[string]any)
		return fmt.Sprint(q["from"], q["start_date"], " ", q["to"], q["end_date"], " ", q["timezone"])
	}
	require.Equal(t, day(-7)+"<nil> "+day(0)+"<nil> Asia/Kathmandu", dates(secretStill, "t0"))
	require.Equal(t, day(3)+"<nil> "+day(10)+"<nil> Asia/Kathmandu", dates(secretMoving, "t0"))
	require.Equal(t, "<nil>"+day(-7)+" <nil>"+day(0)+" Asia/Kathmandu", dates(secretStill, "t1"))

	b.set(t, share.BoardRange{}, `event-types {}`, `dau {"from": "2025-08-01", "to": "2025-08-31"}`, `top-events {"from": "2025-08-01", "to": "2025-08-31"}`)
	require.Equal(t, float64(2), b.open(t, secretStill, "").ok(t)["version"], "later changes are not shown")
	require.Equal(t, 404, b.open(t, secretStill, "/tiles/t2").StatusCode)
	require.Equal(t, "409 /problems/changed-since ", b.as(t, b.owner, "PATCH", still, `{"version": 2}`).refused(t))
	changed := b.as(t, b.owner, "PATCH", still, `{"version": 3}`).ok(t)
	require.Equal(t, float64(3), changed["version"])
	require.NotContains(t, changed, "secret")
	require.Equal(t, 200, b.open(t, secretStill, "/tiles/t2").StatusCode)
	require.Equal(t, 404, b.open(t, secretMoving, "/tiles/t2").StatusCode, "another share")
}

// TestZonesOfShares: the board's, else a tile's own, else the project's; and the dates of a
// board are those of all tiles only where it has both.
func TestZonesOfShares(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	// In Auckland the new day has begun, elsewhere it has not.
	at := time.Date(2025, 9, 1, 13, 0, 0, 0, time.UTC)
	a.mu.Lock()
	a.clock = at
	a.mu.Unlock()
	own := `dau {"from": "-7d", "to": "today", "timezone": "Pacific/Honolulu"}`
	b := newBoard(t, a, share.BoardRange{}, `dau {"from": "-7d", "to": "today"}`, own)
	_, err := a.pool.Exec(t.Context(), `UPDATE analytics.projects SET timezone = 'Pacific/Auckland' WHERE id = $1`, b.owner.Project)
	require.NoError(t, err)
	for _, c := range []struct {
		board              share.BoardRange
		dates              string
		shown, first, next string
	}{
		{share.BoardRange{}, "moving", "<nil> <nil> Pacific/Auckland", "2025-08-26 2025-09-02 Pacific/Auckland", "2025-08-25 2025-09-01 Pacific/Honolulu"},
		{share.BoardRange{Timezone: "Asia/Tokyo"}, "moving", "<nil> <nil> Asia/Tokyo", "2025-08-25 2025-09-01 Asia/Tokyo", "2025-08-25 2025-09-01 Asia/Tokyo"},
		{share.BoardRange{From: "2025-08-01"}, "moving", "<nil> <nil> Pacific/Auckland", "2025-08-26 2025-09-02 Pacific/Auckland", "2025-08-25 2025-09-01 Pacific/Honolulu"},
		{share.BoardRange{To: "yesterday"}, "still", "<nil> <nil> Pacific/Auckland", "2025-08-26 2025-09-02 Pacific/Auckland", "2025-08-25 2025-09-01 Pacific/Honolulu"},
		{share.BoardRange{From: "-1d", To: "today"}, "still", "2025-09-01 2025-09-02 Pacific/Auckland", "2025-09-01 2025-09-02 Pacific/Auckland", "2025-08-31 2025-09-01 Pacific/Honolulu"},
	} {
		b.set(t, c.board, b.questions...)
		_, secret := b.share(t, `{"dates": "`+c.dates+`"}`)
		_, err := a.pool.Exec(t.Context(), `UPDATE analytics.shares SET as_of = $1`, at)
		require.NoError(t, err)
		dates := func(of any) string {
			r := of.(map[string]any)
			return fmt.Sprint(r["from"], " ", r["to"], " ", r["timezone"])
		}
		shown := b.open(t, secret, "").ok(t)
		require.Equal(t, c.shown, dates(shown["range"]), "%+v", c.board)
		for i, want := range []string{c.first, c.next} {
			answer := b.open(t, secret, fmt.Sprint("/tiles/t", i)).ok(t)
			require.Equal(t, want, dates(answer["query"]), "tile %d of %+v", i, c.board)
			params := shown["tiles"].([]any)[i+1].(map[string]any)["question"].(map[string]any)["params"].(map[string]any)
			require.Equal(t, answer["query"].(map[string]any)["timezone"], params["timezone"], "tile %d of %+v says which it is asked in", i, c.board)
		}
	}
}

// TestClosedShares: whatever the reason that a secret opens nothing, the answer is the same.
func TestClosedShares(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	b := newBoard(t, a, share.BoardRange{}, `event-types {}`)
	exec := func(sql string, args ...any) {
		_, err := a.pool.Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
	closed := func(secret string) string {
		t.Helper()
		text := ""
		for _, path := range []string{"", "/tiles/t0", "/tiles/another"} {
			r := b.open(t, secret, path, "X-Request-Id", "the-same-each-time")
			require.Equal(t, 401, r.StatusCode, path)
			require.Equal(t, "Share", r.Header.Get("WWW-Authenticate"))
			text += string(r.body)
		}
		return text
	}
	guess := closed("eas_" + strings.Repeat("a", 26))
	require.Contains(t, guess, "/problems/unauthorized")
	for _, malformed := range []string{"eas_", "x", "eas_" + strings.Repeat("a", 27), "ea_" + strings.Repeat("a", 52)} {
		require.Equal(t, guess, closed(malformed), malformed)
	}
	revoked, secret := b.share(t, `{}`)
	require.Equal(t, 200, b.open(t, secret, "").StatusCode)
	require.Equal(t, 204, b.as(t, b.owner, "DELETE", revoked, "").StatusCode)
	require.Equal(t, guess, closed(secret), "revoked")
	_, secret = b.share(t, `{}`)
	require.Equal(t, 200, b.open(t, secret, "").StatusCode)
	exec(`UPDATE analytics.shares SET expires_at = now() - interval '1 second'`)
	require.Equal(t, guess, closed(secret), "expired")
	_, secret = b.share(t, `{}`)
	require.Equal(t, guess, closed(strings.ToUpper(secret)))
	require.Equal(t, guess, closed(secret[:len(secret)-1]+"0"))
	exec(`DELETE FROM analytics.boards WHERE id = $1`, b.id)
	require.Equal(t, guess, closed(secret), "its board is deleted")
}

// TestShareIsNoOtherCredential: a secret of a share is worth nothing elsewhere, and nothing
// else is worth anything for a share.
func TestShareIsNoOtherCredential(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	b := newBoard(t, a, share.BoardRange{}, `event-types {}`)
	_, secret := b.share(t, `{}`)
	for _, path := range []string{"/api/stats/event-types", "/api/stats/events/latest", "/api/stats/profiles", fmt.Sprintf("/api/projects/%d/boards/%d/shares", b.owner.Project, b.id)} {
		for _, header := range [][2]string{{"Authorization", "Bearer " + secret}, {"Authorization", "Share " + secret}, {"Cookie", "ea_session=" + secret}, {"X-API-Key", secret}} {
			headers := []string{"Authorization", "", header[0], header[1]}
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.url+path, nil)
			require.NoError(t, err)
			request.Header.Set(header[0], header[1])
			response, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, 401, response.StatusCode, "%s %v", path, headers)
		}
	}
	key := authtest.Key(t, a.pool, b.owner, auth.ScopeRead)
	cookie := authtest.Browser(t, a.pool, b.owner)
	for _, headers := range [][]string{
		{"Authorization", "Bearer " + b.owner.Token}, {"Authorization", "Bearer " + key}, {"Authorization", "Bearer " + secret},
		{"Authorization", "Share " + key}, {"Authorization", "Share " + b.owner.Token}, {"Authorization", "Basic " + secret}, {"Authorization", "Share"},
	} {
		require.Equal(t, 401, a.send(t, 0, "GET", "/api/share", "", headers...).StatusCode, "%v", headers)
	}
	request := func(path string, change func(http.Header)) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.url+path, nil)
		require.NoError(t, err)
		change(r.Header)
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	require.Equal(t, 401, request("/api/share", func(h http.Header) { h.Set("Cookie", "ea_session="+cookie) }))
	require.Equal(t, 401, request("/api/share", func(h http.Header) { h.Set("X-API-Key", secret) }))
	require.Equal(t, 401, request("/api/share?secret="+secret, func(http.Header) {}), "never by the query")
	require.Equal(t, 400, request("/api/share", func(h http.Header) { h.Set("X-API-Key", key); h.Set("Authorization", "Share "+secret) }))
	require.Equal(t, 400, request("/api/share", func(h http.Header) { h["Authorization"] = []string{"Share " + secret, "Bearer " + key} }))
	require.Equal(t, 200, request("/api/share", func(h http.Header) { h.Set("X-Project", "1"); h.Set("Authorization", "Share "+secret) }), "the project is the board's")
}

// TestSharesAreLimited: by share, and by address, where guesses count.
func TestSharesAreLimited(t *testing.T) {
	t.Parallel()
	slow := func(burst int) ratelimit.Limit { return ratelimit.Limit{Rate: 1, Period: time.Hour, Burst: burst} }
	a := newAPI(t, func(c *Config) { c.Rates.Share, c.Rates.ShareAddress = slow(2), slow(6) }).run(t)
	b := newBoard(t, a, share.BoardRange{}, `event-types {}`)
	_, first := b.share(t, `{}`)
	_, second := b.share(t, `{}`)
	require.Equal(t, 200, b.open(t, first, "/tiles/t0").StatusCode)
	require.Equal(t, 200, b.open(t, first, "").StatusCode)
	r := b.open(t, first, "")
	require.Equal(t, 429, r.StatusCode)
	require.NotEmpty(t, r.Header.Get("Retry-After"))
	require.Equal(t, "2", r.Header.Get("RateLimit-Limit"))
	require.Equal(t, 200, b.open(t, second, "").StatusCode, "another share")
	require.Equal(t, 401, b.open(t, "eas_guess", "").StatusCode)
	require.Equal(t, 401, b.open(t, "eas_guess", "").StatusCode)
	require.Equal(t, 429, b.open(t, "eas_guess", "").StatusCode, "of the address")
	require.Equal(t, 429, b.open(t, second, "").StatusCode)
}

// TestUseOfSharesIsNoted once an hour.
func TestUseOfSharesIsNoted(t *testing.T) {
	t.Parallel()
	b := newBoard(t, newAPI(t).run(t), share.BoardRange{}, `event-types {}`)
	_, secret := b.share(t, `{}`)
	used := func() any {
		return b.as(t, b.owner, "GET", "", "").ok(t)["data"].([]any)[0].(map[string]any)["last_used_at"]
	}
	require.Nil(t, used())
	b.open(t, secret, "").ok(t)
	first := used()
	require.NotNil(t, first)
	b.open(t, secret, "/tiles/t0").ok(t)
	require.Equal(t, first, used())
	_, err := b.pool.Exec(t.Context(), `UPDATE analytics.shares SET last_used_at = now() - interval '61 minutes'`)
	require.NoError(t, err)
	b.open(t, secret, "/tiles/t0").ok(t)
	require.Greater(t, used(), first)
}
