package stats

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/event"
)

// sqlKey makes a key of a scope for a project.
func (a *api) sqlKey(t *testing.T, project int64, scope auth.Scope) string {
	t.Helper()
	key, hash := auth.NewCredential(auth.KeyPrefix)
	_, err := a.pool.Exec(t.Context(), `
		INSERT INTO analytics.api_keys (project_id, name, scope, prefix, hash, created_by)
		SELECT $1, 'sql', $2, left($3, 8), $4, created_by FROM analytics.api_keys WHERE project_id = $1 LIMIT 1`, project, scope, key, hash)
	require.NoError(t, err)
	return key
}

// sqlBody is an answer to SQL.
type sqlBody struct {
	Data  []map[string]any
	Meta  map[string]any
	Query map[string]any
}

// askSQL posts a body with a key, and returns the answer's status, header and text.
func (a *api) askSQL(t *testing.T, key string, body map[string]any, headers ...string) (int, http.Header, string) {
	t.Helper()
	text, err := json.Marshal(body)
	require.NoError(t, err)
	got := a.send(t, 1, http.MethodPost, "/api/sql", string(text), append([]string{"Content-Type", "application/json", "Authorization", "Bearer " + key}, headers...)...)
	return got.StatusCode, got.Header, string(got.body)
}

// rowsOf asks and returns the rows.
func (a *api) rowsOf(t *testing.T, key, sql string, more ...any) sqlBody {
	t.Helper()
	body := map[string]any{"sql": sql}
	for i := 0; i+1 < len(more); i += 2 {
		body[more[i].(string)] = more[i+1]
	}
	status, _, text := a.askSQL(t, key, body)
	require.Equal(t, 200, status, text)
	var answer sqlBody
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&answer))
	return answer
}

func someOf(r *rand.Rand, n int) []event.Event {
	events := make([]event.Event, n)
	for i := range events {
		events[i] = event.Event{
			ID: uuid.New(), OccurredAt: time.Date(2025, 8, 28+r.IntN(5), r.IntN(24), r.IntN(60), 0, 0, time.UTC).UnixMicro(),
			UserID: fmt.Sprintf("u%d", r.IntN(20)), Type: []string{"view", "buy", "leave"}[r.IntN(3)],
			Properties: fmt.Sprintf(`{"country": %q, "n": %d}`, []string{"UA", "PL"}[r.IntN(2)], r.IntN(100)),
		}
	}
	return events
}

// TestSQL: an answer has the envelope and the formats of all answers.
func TestSQL(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	key := a.sqlKey(t, 1, auth.ScopeSQL)
	a.publish(t, 1, someOf(rand.New(rand.NewPCG(1, 2)), 100)...)
	a.publish(t, 2, someOf(rand.New(rand.NewPCG(3, 4)), 7)...)
	a.visible(t)
	got := a.rowsOf(t, key, "SELECT event_type, count(*) AS n, sum(n) AS s FROM (SELECT event_type, (properties ->> 'n')::INTEGER AS n FROM events) GROUP BY ALL ORDER BY event_type")
	require.Len(t, got.Data, 3)
	require.Equal(t, "buy", got.Data[0]["event_type"])
	require.Equal(t, []any{
		map[string]any{"name": "event_type", "type": "VARCHAR"}, map[string]any{"name": "n", "type": "BIGINT"}, map[string]any{"name": "s", "type": "HUGEINT"},
	}, got.Meta["columns"])
	require.Equal(t, "raw", got.Meta["source"])
	require.Equal(t, json.Number("3"), got.Meta["rows"])
	require.NotEmpty(t, got.Meta["position"])
	require.Equal(t, json.Number("10000"), got.Query["limit"])

	sql := "SELECT user_id AS u, count(*) AS n, '=1+1' AS f, NULL AS nothing, 1.50 AS d FROM events GROUP BY ALL ORDER BY u LIMIT 1"
	status, header, text := a.askSQL(t, key, map[string]any{"sql": sql, "format": "csv"})
	require.Equal(t, 200, status, text)
	require.Equal(t, "text/csv; charset=utf-8", header.Get("Content-Type"))
	require.Equal(t, `attachment; filename="sql.csv"`, header.Get("Content-Disposition"))
	require.Empty(t, header.Get("ETag"))
	require.Regexp(t, `^u,n,f,nothing,d\nu0,\d+,'=1\+1,,1.50\n$`, text)
	_, header, text = a.askSQL(t, key, map[string]any{"sql": sql}, "Accept", "application/x-ndjson")
	require.Equal(t, "application/x-ndjson", header.Get("Content-Type"))
	require.Regexp(t, `^{"u":"u0","n":\d+,"f":"=1\+1","nothing":null,"d":1.50}\n$`, text)
	status, _, text = a.askSQL(t, key, map[string]any{"sql": sql, "format": "parquet"})
	require.Equal(t, 200, status)
	require.True(t, strings.HasPrefix(text, "PAR1") && strings.HasSuffix(text, "PAR1"))

	// Values, days and the zone.
	got = a.rowsOf(t, key, "SELECT count(*) AS n FROM events WHERE event_type = $1 AND user_id = $2", "params", []any{"view", "u1"})
	want := a.rowsOf(t, key, "SELECT count(*) AS n FROM events WHERE event_type = 'view' AND user_id = 'u1'")
	require.Equal(t, want.Data, got.Data)
	got = a.rowsOf(t, key, "SELECT min(occurred_at)::VARCHAR AS a, max(occurred_at) AS b, date_trunc('day', min(occurred_at)) AS day FROM events", "from", "2025-08-29", "to", "2025-08-29", "timezone", "Europe/Kyiv")
	require.Regexp(t, `^2025-08-29 .*\+03$`, got.Data[0]["a"])
	require.Regexp(t, `^2025-08-29T(0|1|20).*Z$`, got.Data[0]["b"])
	require.Equal(t, "2025-08-28T21:00:00Z", got.Data[0]["day"])
	require.Equal(t, "2025-08-29", got.Query["from"])
	require.Equal(t, "Europe/Kyiv", got.Meta["timezone"])
	got = a.rowsOf(t, key, "SELECT current_setting_is_not_there FROM (SELECT 1 AS current_setting_is_not_there)")
	require.Len(t, got.Data, 1)
}

// TestSQLIsRefused: a caller without the right, and mistakes, are told what is wrong.
func TestSQLIsRefused(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	key := a.sqlKey(t, 1, auth.ScopeSQL)
	for _, scope := range []auth.Scope{auth.ScopeRead, auth.ScopeIngest, auth.ScopeBrowser} {
		status, _, text := a.askSQL(t, a.sqlKey(t, 1, scope), map[string]any{"sql": "SELECT 1 AS a"})
		require.Equal(t, 403, status, text)
	}
	require.Equal(t, 403, a.get(t, 1, "/api/stats/event-types", "Authorization", "Bearer "+key).StatusCode)
	for _, c := range []struct {
		body        map[string]any
		status      int
		code, field string
	}{
		{map[string]any{}, 422, "", "sql"},
		{map[string]any{"sql": ""}, 422, "", "sql"},
		{map[string]any{"sql": strings.Repeat("x", 16385)}, 422, "", "sql"},
		{map[string]any{"sql": strings.Repeat("ü", 8193)}, 422, "invalid-parameter", "sql"},
		{map[string]any{"sql": "SELECT 1\x00"}, 422, "invalid-parameter", "sql"},
		{map[string]any{"sql": "SELECT 1", "limit": 0}, 422, "", "limit"},
		{map[string]any{"sql": "SELECT 1", "limit": 100001}, 422, "", "limit"},
		{map[string]any{"sql": "SELECT 1", "identity": "raw"}, 422, "", "identity"},
		{map[string]any{"sql": "SELECT 1", "timezone": "Mars"}, 422, "invalid-parameter", "timezone"},
		{map[string]any{"sql": "SELECT 1", "from": "yesterday", "to": "-7d"}, 422, "invalid-parameter", "from"},
		{map[string]any{"sql": "SELECT 1", "to": "soon"}, 422, "invalid-parameter", "to"},
		{map[string]any{"sql": "SELECT 1", "wait": "long"}, 422, "invalid-parameter", "wait"},
		{map[string]any{"sql": "SELECT 1", "min_position": "x"}, 422, "invalid-position", "min_position"},
		{map[string]any{"sql": "SELECT ?", "params": []any{}}, 422, "invalid-parameter", "params"},
		{map[string]any{"sql": "SELECT ?", "params": []any{[]any{}}}, 422, "invalid-parameter", "params"},
		{map[string]any{"sql": "SELECT ?", "params": make([]any, 101)}, 422, "", "params"},
		{map[string]any{"sql": "SELECT 1 AS a", "format": "xml"}, 422, "", "format"},
		{map[string]any{"sql": "SELECT a\nFROM events"}, 422, "statement-invalid", "sql"},
		{map[string]any{"sql": "FROM read_text('/etc/passwd')"}, 422, "statement-refused", "sql"},
		{map[string]any{"sql": "FROM cohort('none')"}, 422, "unknown-cohort", "sql"},
		{map[string]any{"sql": "FROM range(11)", "limit": 10}, 422, "answer-too-long", "limit"},
	} {
		status, _, text := a.askSQL(t, key, c.body)
		require.Equal(t, c.status, status, "%v: %s", c.body, text)
		require.Contains(t, text, c.field, c.body)
		if c.code != "" {
			require.Contains(t, text, `"/problems/`+c.code+`"`, c.body)
			require.Contains(t, text, `"field":"`+c.field+`"`, c.body)
		}
	}
	_, _, text := a.askSQL(t, key, map[string]any{"sql": "SELECT 1,\n  a FROM events"})
	require.Contains(t, text, "(line 2, column 3)")
}
