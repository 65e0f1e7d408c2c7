package stats

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/auth/authtest"
	"eventanalytics/pkg/clock"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/pkg/share"
	"eventanalytics/services/stats/question"
)

// board is a board whose owner is logged in.
type board struct {
	*api
	owner     authtest.User
	id        int64
	version   int
	questions []string
}

// newBoard makes a board on the events of august, as the account service does.
func newBoard(t *testing.T, a *api, dates share.BoardRange, questions ...string) *board {
	t.Helper()
	tokens, err := auth.NewTokens("0123456789abcdef0123456789abcdef", clock.Now)
	require.NoError(t, err)
	b := &board{api: a, owner: authtest.Login(t, a.pool, tokens, "owner of "+t.Name()), version: 1}
	require.NoError(t, a.pool.QueryRow(t.Context(), `INSERT INTO analytics.boards (project_id, name, content, changed_by) VALUES ($1, 'Growth', '', $2) RETURNING id`, b.owner.Project, b.owner.ID).Scan(&b.id))
	b.set(t, dates, questions...)
	a.publish(t, b.owner.Project, august()...)
	a.visible(t)
	return b
}

// set changes the board. Each question is a route and its parameters.
func (b *board) set(t *testing.T, dates share.BoardRange, questions ...string) {
	t.Helper()
	content := share.Content{Range: dates, Tiles: []share.Tile{{ID: "words", Kind: "text", Size: share.TileSize{Width: 12, Height: 1}, Text: "what we look at"}}}
	for i, q := range questions {
		route, params, _ := strings.Cut(q, " ")
		tile := share.Tile{ID: fmt.Sprint("t", i), Kind: "table", Size: share.TileSize{Width: 6, Height: 2}, Question: &share.TileQuestion{Route: "/api/stats/" + route}}
		require.NoError(t, json.Unmarshal([]byte(params), &tile.Question.Params), q)
		content.Tiles = append(content.Tiles, tile)
	}
	text, err := json.Marshal(content)
	require.NoError(t, err)
	_, err = b.pool.Exec(t.Context(), `UPDATE analytics.boards SET content = $2, version = version + 1 WHERE id = $1`, b.id, string(text))
	require.NoError(t, err)
	b.questions = questions
	b.version++
}

// as asks about the board's shares.
func (b *board) as(t *testing.T, who authtest.User, method, path, body string) reply {
	t.Helper()
	return b.send(t, 0, method, fmt.Sprintf("/api/projects/%d/boards/%d/shares%s", b.owner.Project, b.id, path), body, "Content-Type", "application/json", "Authorization", "Bearer "+who.Token)
}

// share makes a share and returns its id and secret.
func (b *board) share(t *testing.T, body string) (id, secret string) {
	t.Helper()
	r := b.as(t, b.owner, "POST", "", body)
	require.Equal(t, 201, r.StatusCode, "%s", r.body)
	require.Equal(t, "no-store", r.Header.Get("Cache-Control"))
	made := r.decode(t)
	return fmt.Sprintf("/%.0f", made["id"]), made["secret"].(string)
}

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

// TestWhatCannotBeShared: single users and events, and questions that cannot be asked. The
// refusal names the tile.
func TestWhatCannotBeShared(t *testing.T) {
	t.Parallel()
	b := newBoard(t, newAPI(t).run(t), share.BoardRange{})
	const month = `"from": "2025-08-01", "to": "2025-08-31"`
	for q, field := range map[string]string{
		`events/latest {}`: "route",
		`profiles {}`:      "route",
		`profiles/ann {}`:  "route",
		`events/stream {}`: "route",
		`dau {` + month + `, "filter": "user_id=ann"}`:                                               "params.filter",
		`dau {` + month + `, "filter": {"any": [{"not": ["user_id!=ann"]}]}}`:                        "params.filter",
		`dau {` + month + `, "filter": {"did": {"event": "buy", "filter": "user_id=ann"}}}`:          "params.filter",
		`dau {` + month + `, "filter": {"funnel": {"steps": ["a", {"filter": "user_id:in(ann)"}]}}}`: "params.filter",
		`dau {` + month + `, "segment": ["event_type:buy", "user_id=ann"]}`:                          "params.segment[1]",
		`trends {` + month + `, "series": ["*"], "breakdown": ["event_type", "user_id"]}`:            "params.breakdown[1]",
		`trends {` + month + `, "series": ["a", {"event": "b", "filter": "user_id=ann"}]}`:           "params.series[1].filter",
		`trends {` + month + `, "series": [{"event": "b", "measure": "distinct(user_id)"}]}`:         "params.series[0].measure",
		`funnels {` + month + `, "steps": ["a", {"event": "b", "filter": "user_id=ann"}]}`:           "params.steps[1].filter",
		`sessions {` + month + `, "breakdown": ["entry.user_id"]}`:                                   "params.breakdown[0]",
		`paths {` + month + `, "node": "user_id"}`:                                                   "params.node",
		`property-values {` + month + `, "property": "user_id"}`:                                     "params.property",
		`retention {"start_date": "2025-08-01", "returning_filter": "user_id=ann"}`:                  "params.returning_filter",
		`dau {}`:                                    "params.from",
		`dau {` + month + `, "surplus": 1}`:         "params.surplus",
		`dau {` + month + `, "timezone": "Mars"}`:   "params.timezone",
		`top-events {` + month + `, "limit": 1.5}`:  "params.limit",
		`top-events {` + month + `, "limit": 5000}`: "params.limit",
		`dau {"from": 20250801}`:                    "params.from",
	} {
		b.set(t, share.BoardRange{}, `event-types {}`, q)
		r := b.as(t, b.owner, "POST", "", `{}`)
		require.Equal(t, "422 /problems/cannot-be-shared tiles[2].question."+field, r.refused(t), "%s: %s", q, r.body)
		require.Contains(t, string(r.body), "(tile t1)", q)
	}
	// What is counted and the ids of properties that look like it are none.
	b.set(t, share.BoardRange{}, `trends {`+month+`, "series": ["*"], "unit": "user_id", "filter": "properties.user_id=1"}`)
	id, _ := b.share(t, `{}`)
	b.set(t, share.BoardRange{}, `profiles {}`)
	require.Equal(t, "422 /problems/cannot-be-shared tiles[1].question.route", b.as(t, b.owner, "PATCH", id, fmt.Sprintf(`{"version": %d}`, b.version)).refused(t))
	for body, field := range map[string]string{`{"days": 0}`: "days", `{"days": 367}`: "days", `{"dates": "soon"}`: "dates", `{"board": 1}`: "board"} {
		require.Contains(t, b.as(t, b.owner, "POST", "", body).refused(t), " "+field, body)
	}
}

// TestCohortsThatCannotBeShared: by a cohort a link could show a single user: by a list, by
// user_id in a filter, or by another cohort. It is refused when the board is shared, and when
// it is answered, since cohorts change.
func TestCohortsThatCannotBeShared(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	b := newBoard(t, a, share.BoardRange{})
	const buys = `{"did": "buy"}`
	a.setCohort(t, b.owner.Project, "buyers", buys, nil, nil)
	a.setCohort(t, b.owner.Project, "others", `{"not": "cohort:buyers"}`, []string{"buyers"}, nil)
	a.setCohort(t, b.owner.Project, "ann", `"user_id=ann"`, nil, nil)
	a.setCohort(t, b.owner.Project, "ann-buys", `{"did": {"event": "buy", "filter": "user_id=ann"}}`, nil, nil)
	a.setCohort(t, b.owner.Project, "but-ann", `{"any": ["cohort:buyers", {"not": "cohort:ann"}]}`, []string{"ann", "buyers"}, nil)
	a.setCohort(t, b.owner.Project, "listed", "", nil, []string{"ann"})
	a.setCohort(t, b.owner.Project, "in-list", `["cohort:listed", {"did": "buy"}]`, []string{"listed"}, nil)
	const month = `"from": "2025-08-01", "to": "2025-08-31"`
	filtered := func(name string) string { return `dau {` + month + `, "filter": "cohort:` + name + `"}` }
	for q, field := range map[string]string{
		filtered("unknown"):  "filter",
		filtered("ann"):      "filter",
		filtered("ann-buys"): "filter",
		filtered("but-ann"):  "filter",
		filtered("listed"):   "filter",
		filtered("in-list"):  "filter",
		`dau {` + month + `, "filter": {"any": ["event_type=buy", "cohort:listed=false"]}}`:                                "filter.any[1]",
		`trends {` + month + `, "series": ["*"], "breakdown": ["event_type", "cohort:listed"]}`:                            "breakdown[1]",
		`trends {` + month + `, "series": ["*", {"event": "buy", "filter": "cohort:ann"}]}`:                                "series[1].filter",
		`funnels {` + month + `, "steps": ["login", {"event": "buy", "filter": "cohort:ann"}], "filter": "cohort:buyers"}`: "steps[1].filter",
	} {
		b.set(t, share.BoardRange{}, `event-types {}`, q)
		r := b.as(t, b.owner, "POST", "", `{}`)
		require.Equal(t, "422 /problems/cannot-be-shared tiles[2].question.params."+field, r.refused(t), "%s: %s", q, r.body)
	}

	b.set(t, share.BoardRange{}, filtered("buyers"), filtered("others"))
	_, secret := b.share(t, `{}`)
	b.open(t, secret, "/tiles/t0").ok(t)
	b.open(t, secret, "/tiles/t1").ok(t)
	a.setCohort(t, b.owner.Project, "buyers", `["user_id=ann", {"did": "buy"}]`, nil, nil)
	const refused = "422 /problems/invalid-parameter filter"
	require.Equal(t, refused, b.open(t, secret, "/tiles/t0").refused(t))
	require.Equal(t, refused, b.open(t, secret, "/tiles/t1").refused(t), "which names it")
	a.setCohort(t, b.owner.Project, "buyers", buys, nil, nil)
	b.open(t, secret, "/tiles/t1").ok(t)
	_, err := a.pool.Exec(t.Context(), `DELETE FROM analytics.cohorts`)
	require.NoError(t, err)
	require.Equal(t, "422 /problems/unknown-cohort filter", b.open(t, secret, "/tiles/t0").refused(t))
}

// TestZonesOfShares: the board's, else a tile's own, else the project's; and the dates of a
// board are those of all tiles only where it has both.
func TestZonesOfShares(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	// In Auckland the new day has begun, in Honolulu the old one has not ended.
	at := time.Date(2025, 9, 1, 11, 0, 0, 0, time.UTC)
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
		{share.BoardRange{}, "moving", "<nil> <nil> Pacific/Auckland", "2025-08-25 2025-09-01 Pacific/Auckland", "2025-08-25 2025-09-01 Pacific/Honolulu"},
		{share.BoardRange{Timezone: "Asia/Tokyo"}, "moving", "<nil> <nil> Asia/Tokyo", "2025-08-25 2025-09-01 Asia/Tokyo", "2025-08-25 2025-09-01 Asia/Tokyo"},
		{share.BoardRange{From: "2025-08-01"}, "moving", "<nil> <nil> Pacific/Auckland", "2025-08-25 2025-09-01 Pacific/Auckland", "2025-08-25 2025-09-01 Pacific/Honolulu"},
		{share.BoardRange{To: "yesterday"}, "still", "<nil> <nil> Pacific/Auckland", "2025-08-25 2025-09-01 Pacific/Auckland", "2025-08-25 2025-09-01 Pacific/Honolulu"},
		{share.BoardRange{From: "-1d", To: "today"}, "still", "2025-08-31 2025-09-01 Pacific/Auckland", "2025-08-31 2025-09-01 Pacific/Auckland", "2025-08-31 2025-09-01 Pacific/Honolulu"},
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

// TestWhoMayShare: editors and owners, and nobody who asks about another board.
func TestWhoMayShare(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	b := newBoard(t, a, share.BoardRange{}, `event-types {}`)
	tokens, err := auth.NewTokens("0123456789abcdef0123456789abcdef", clock.Now)
	require.NoError(t, err)
	who := map[string]authtest.User{"owner": b.owner}
	for _, role := range []string{"editor", "viewer", "stranger"} {
		who[role] = authtest.Login(t, a.pool, tokens, role)
		if role != "stranger" {
			_, err = a.pool.Exec(t.Context(), `INSERT INTO analytics.members (project_id, user_id, role) VALUES ($1, $2, $3)`, b.owner.Project, who[role].ID, role)
			require.NoError(t, err)
		}
	}
	id, _ := b.share(t, `{}`)
	for role, refused := range map[string]string{"viewer": "403 /problems/not-editor ", "stranger": "404 /problems/not-found "} {
		for _, ask := range [][3]string{{"GET", "", ""}, {"POST", "", "{}"}, {"PATCH", id, `{"version": 1}`}, {"DELETE", id, ""}} {
			require.Equal(t, refused, b.as(t, who[role], ask[0], ask[1], ask[2]).refused(t), "%s %v", role, ask)
		}
	}
	require.Equal(t, 201, b.as(t, who["editor"], "POST", "", "{}").StatusCode)
	listed := b.as(t, who["editor"], "GET", "", "")
	require.Len(t, listed.ok(t)["data"], 2)
	require.NotContains(t, string(listed.body), "secret")
	require.NotContains(t, string(listed.body), "eas_")
	changing, err := a.pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = changing.Rollback(context.Background()) }()
	require.NoError(t, auth.LockProject(t.Context(), changing, b.owner.Project))
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	all, err := share.List(soon, a.pool, share.Place{Project: b.owner.Project, Board: b.id, User: who["editor"].ID})
	require.NoError(t, err, "while somebody changes the project")
	require.Len(t, all, 2)
	require.NoError(t, changing.Rollback(t.Context()))
	var kept int
	require.NoError(t, a.pool.QueryRow(t.Context(), `SELECT count(*) FROM analytics.shares WHERE length(hash) = 32 AND shares::text NOT LIKE '%eas_%'`).Scan(&kept))
	require.Equal(t, 2, kept)

	other := *b
	other.id++
	require.Equal(t, "404 /problems/not-found ", other.as(t, b.owner, "POST", "", "{}").refused(t))
	require.NoError(t, a.pool.QueryRow(t.Context(), `INSERT INTO analytics.boards (project_id, name, content, changed_by) SELECT project_id, name, content, changed_by FROM analytics.boards WHERE id = $1 RETURNING id`, b.id).Scan(&other.id))
	require.Equal(t, "404 /problems/not-found ", other.as(t, b.owner, "DELETE", id, "").refused(t), "of another board")
	require.Equal(t, "404 /problems/not-found ", other.as(t, b.owner, "PATCH", id, `{"version": 1}`).refused(t))
	require.Equal(t, 204, b.as(t, b.owner, "DELETE", id, "").StatusCode)
	require.Equal(t, "404 /problems/not-found ", b.as(t, b.owner, "DELETE", id, "").refused(t))

	_, err = a.pool.Exec(t.Context(), `INSERT INTO analytics.shares (board_id, hash, name, version, content, moving, created_by, expires_at)
		SELECT $1, sha256(n::text::bytea), '', 1, '{}', false, $2, now() + interval '1 day' FROM generate_series(1, 19) AS n`, b.id, b.owner.ID)
	require.NoError(t, err)
	require.Equal(t, "409 /problems/too-many-shares ", b.as(t, b.owner, "POST", "", "{}").refused(t))
	_, err = a.pool.Exec(t.Context(), `UPDATE analytics.shares SET expires_at = now() WHERE name = ''`)
	require.NoError(t, err)
	require.Len(t, b.as(t, b.owner, "GET", "", "").ok(t)["data"], 1)
	b.share(t, `{}`)
	require.NoError(t, a.pool.QueryRow(t.Context(), `SELECT count(*) FROM analytics.shares`).Scan(&kept))
	require.Equal(t, 2, kept, "those that expired are forgotten")
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
