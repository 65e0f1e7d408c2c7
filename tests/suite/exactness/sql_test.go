package exactness

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// pairOf is a question, and the SQL that must have the same rows.
type pairOf struct {
	metric string
	body   map[string]any
	sql    string
	params []any
}

// pairs are questions about all that SQL can count as the API does: days in a zone, persons,
// types, properties.
func pairs(zone string) []pairOf {
	days := func(more ...any) map[string]any {
		body := map[string]any{"from": "-90d", "to": "today", "timezone": zone}
		for i := 0; i+1 < len(more); i += 2 {
			body[more[i].(string)] = more[i+1]
		}
		return body
	}
	return []pairOf{
		{"dau", days(), "SELECT strftime(date_trunc('day', occurred_at), '%Y-%m-%d') AS date, count(DISTINCT person_id) AS dau FROM events GROUP BY ALL ORDER BY ALL", nil},
		{"events", days("interval", "day", "by", "event_type"), "SELECT strftime(date_trunc('day', occurred_at), '%Y-%m-%d') AS bucket, event_type, count(*) AS events, count(DISTINCT person_id) AS users FROM events GROUP BY ALL ORDER BY ALL", nil},
		{"top-events", days("include", "users", "limit", 1000), "SELECT event_type, count(*) AS total_count, count(DISTINCT person_id) AS users FROM events GROUP BY ALL ORDER BY total_count DESC, event_type", nil},
		{"dau", days("filter", "properties.country=UA"), "SELECT strftime(date_trunc('day', occurred_at), '%Y-%m-%d') AS date, count(DISTINCT person_id) AS dau FROM events WHERE properties ->> 'country' = ? GROUP BY ALL ORDER BY ALL", []any{"UA"}},
		{"dau", days("filter", "properties.price>=10"), "SELECT strftime(date_trunc('day', occurred_at), '%Y-%m-%d') AS date, count(DISTINCT person_id) AS dau FROM events WHERE json_type(properties, '$.price') IN ('UBIGINT', 'BIGINT', 'DOUBLE') AND (properties ->> 'price')::DOUBLE >= ? GROUP BY ALL ORDER BY ALL", []any{10}},
		{
			"trends", days("series", []any{map[string]any{"event": "*", "measure": "sum(properties.price)"}}, "interval", "all"),
			"SELECT sum((properties ->> 'price')::DECIMAL(38, 6)) AS value FROM events WHERE json_type(properties, '$.price') IN ('UBIGINT', 'BIGINT', 'DOUBLE')", nil,
		},
		{"dau", days("identity", "raw"), "SELECT strftime(date_trunc('day', occurred_at), '%Y-%m-%d') AS date, count(DISTINCT user_id) AS dau FROM events GROUP BY ALL ORDER BY ALL", nil},
	}
}

// bySQL asks a replica by SQL as of the newest upload.
func (p *project) bySQL(t *testing.T, r replica, body map[string]any) []row {
	t.Helper()
	body["min_position"], body["wait"] = p.position, "30s"
	a := p.At(r.url).Post(t, "/api/sql", body).Is(t, 200, "")
	var answer struct{ Data []row }
	require.NoError(t, json.Unmarshal(a.Body, &answer))
	return answer.Data
}

// sameBySQL asks each replica the pairs of questions and statements: the rows must be equal,
// those columns aside that only questions have.
func (e *equal) sameBySQL(t *testing.T, p *project) {
	t.Helper()
	zone := []string{"UTC", "Europe/Kyiv", "Asia/Kathmandu", "America/St_Johns"}[e.rng.IntN(4)]
	for i, r := range e.stats {
		for _, pair := range pairs(zone) {
			answer, err := p.analysed(t.Context(), r, pair.metric, pair.body)
			require.NoError(t, err)
			want, err := rowsIn(answer)
			require.NoError(t, err)
			for _, row := range want {
				for _, column := range []string{"incomplete", "series", "group"} {
					delete(row, column)
				}
				if pair.metric == "trends" {
					delete(row, "bucket")
				}
			}
			got := p.bySQL(t, r, map[string]any{"sql": pair.sql, "params": pair.params, "from": pair.body["from"], "to": pair.body["to"], "timezone": zone, "limit": 100_000})
			require.Equal(t, want, append([]row{}, got...), "%s %v on replica %d", pair.metric, pair.body, i)
			e.asked["statements"]++
			if len(got) > 0 {
				e.asked["statements with rows"]++
			}
		}
	}
}

// TestSQLIsExact: statements count what questions count, of the same position: with events that
// come late and twice, over segments that are merged, and with persons whose ids are linked and
// taken apart again.
func TestSQLIsExact(t *testing.T) {
	e := newEqual(t)
	p := e.projects[0]
	for range 4 {
		e.post(t, 4+e.rng.IntN(4))
		e.sameBySQL(t, p)
		e.link(t, p, 3)
		e.sameBySQL(t, p)
	}
	e.unlink(t, p)
	e.sameBySQL(t, p)
	t.Log(e.asked)
	require.Greater(t, e.asked["statements with rows"], 60)
}

// link links some ids of the project's users.
func (e *equal) link(t *testing.T, p *project, n int) {
	t.Helper()
	for range n {
		pair := map[string]any{"from": pickOne(e, p.sent).User, "to": pickOne(e, p.sent).User}
		a := p.At(e.ingest[0].url).Post(t, "/api/identity/links", pair)
		var made struct{ Position string }
		require.NoError(t, json.Unmarshal(a.Body, &made), "%s", a)
		if a.Status == 202 { // an id that is linked already is not linked again
			p.position = made.Position
		}
	}
}

// unlink takes a link back.
func (e *equal) unlink(t *testing.T, p *project) {
	t.Helper()
	var all struct{ Data []struct{ ID string } }
	c := p.At(e.ingest[0].url)
	c.Get(t, "/api/identity/links").Is(t, 200, "").Decode(t, &all)
	require.NotEmpty(t, all.Data)
	var undone struct{ Position string }
	c.Do(t, "DELETE", "/api/identity/links/"+all.Data[0].ID, nil).Is(t, 202, "").Decode(t, &undone)
	p.position = undone.Position
}
