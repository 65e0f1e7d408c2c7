package stats

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/auth/authtest"
	"eventanalytics/pkg/clock"
	"eventanalytics/pkg/share"
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
