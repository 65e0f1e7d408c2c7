package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const aTile = `{"id": "t1", "kind": "line", "title": "Users", "size": {"width": 6, "height": 2}, "question": {"route": "/api/stats/trends", "params": {"series": ["*"], "interval": "day"}}}`

func boardOf(name string, tiles ...string) string {
	return `{"name": "` + name + `", "range": {"from": "-30d", "to": "today"}, "tiles": [` + strings.Join(tiles, ", ") + `]}`
}

func TestBoardRoutes(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, project, token := s.user("ann")
	_, _, stranger := s.user("eve")
	path := "/api/projects/" + project + "/boards"
	made := s.do(http.MethodPost, path, token, boardOf("Growth", aTile, `{"id": "t2", "kind": "text", "size": {"width": 12, "height": 1}, "text": "<b>one</b>\n\ntwo"}`))
	require.Equal(t, 201, made.Code, made.Body)
	require.Equal(t, `"1"`, made.Header().Get("ETag"))
	require.Equal(t, "<b>one</b>\n\ntwo", made.text("tiles.1.text"), "a text is a text")
	require.Equal(t, "day", made.text("tiles.0.question.params.interval"))
	require.Equal(t, "-30d", made.text("range.from"))
	one := path + "/" + made.text("id")

	changed := s.do(http.MethodPut, one, token, boardOf("Growth 2"), `If-Match: "1"`)
	require.Equal(t, 200, changed.Code, changed.Body)
	require.Equal(t, `"2"`, changed.Header().Get("ETag"))
	late := s.do(http.MethodPut, one, token, boardOf("Lost"), `If-Match: "1"`)
	late.problem(412, "changed-since", "")
	require.Contains(t, late.text("detail"), "the board has version 2, and If-Match names 1")
	s.do(http.MethodDelete, one, token, nil, `If-Match: "1"`).problem(412, "changed-since", "")
	s.do(http.MethodPut, one, token, boardOf("Lost"), "If-Match: W/x").problem(412, "changed-since", "")
	require.Equal(t, "Growth 2", s.get(one, token).text("name"))
	require.Equal(t, "Growth 2", s.get(path, token).text("data.0.name"))

	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		s.do(method, one, stranger, nil).problem(404, "not-found", "")
	}
	s.do(http.MethodPut, one, stranger, boardOf("x")).problem(404, "not-found", "")
	_, other, _ := s.user("bob")
	s.get("/api/projects/"+other+"/boards/"+made.text("id"), token).problem(404, "not-found", "")

	text := func(n int) string { return strings.Repeat("a", n) }
	wide := strings.Replace(aTile, `"width": 6`, `"width": 13`, 1)
	for name, c := range map[string]struct{ body, field string }{
		"no name":        {`{"tiles": []}`, "name"},
		"long name":      {boardOf(text(201)), "name"},
		"invisible name": {boardOf(`\u200b`), "name"},
		"same ids":       {boardOf("x", aTile, aTile), "tiles[1].id"},
		"wide":           {boardOf("x", wide), "tiles[0].size.width"},
		"no route":       {boardOf("x", strings.Replace(aTile, "/api/stats/trends", "/api/projects", 1)), "tiles[0].question.route"},
		"one user":       {boardOf("x", strings.Replace(aTile, "/api/stats/trends", "/api/stats/profiles/42", 1)), "tiles[0].question.route"},
		"no question":    {boardOf("x", `{"id": "a", "kind": "bar", "size": {"width": 1, "height": 1}}`), "tiles[0].question"},
		"text of a line": {boardOf("x", strings.Replace(aTile, `"kind"`, `"text": "a", "kind"`, 1)), "tiles[0].text"},
		"long params":    {boardOf("x", strings.Replace(aTile, `"day"`, `"`+text(9000)+`"`, 1)), "tiles[0].question.params"},
		"control":        {boardOf("x", `{"id": "a", "kind": "text", "size": {"width": 1, "height": 1}, "text": "a\u0007"}`), "tiles[0].text"},
		"unknown":        {`{"name": "x", "tiles": [], "owner": 1}`, "owner"},
	} {
		answer := s.do(http.MethodPost, path, token, c.body)
		require.Equal(t, 422, answer.Code, "%s: %s", name, answer.Body)
		require.Equal(t, c.field, answer.text("errors.0.field"), "%s: %s", name, answer.Body)
	}
	require.Equal(t, 204, s.do(http.MethodDelete, one, token, nil, `If-Match: "2"`).Code)
	s.get(one, token).problem(404, "not-found", "")
}

func TestBoardsAreBounded(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, project, token := s.user("ann")
	path := "/api/projects/" + project + "/boards"
	_, err := s.pool.Exec(t.Context(), `INSERT INTO analytics.boards (project_id, name, content, changed_by)
		SELECT $1::bigint, 'b', '{"tiles":[]}', (SELECT user_id FROM analytics.members WHERE project_id = $1::bigint) FROM generate_series(1, 99)`, project)
	require.NoError(t, err)
	made := s.do(http.MethodPost, path, token, boardOf("last"))
	require.Equal(t, 201, made.Code, made.Body)
	s.do(http.MethodPost, path, token, boardOf("one more")).problem(409, "too-many-boards", "")
	require.Equal(t, 200, s.do(http.MethodPut, path+"/"+made.text("id"), token, boardOf("as many")).Code)
	_, err = s.pool.Exec(t.Context(), `UPDATE analytics.boards SET content = repeat(' ', 21000) || content`)
	require.NoError(t, err)
	long := make([]string, 7)
	for i := range long {
		long[i] = strings.Replace(strings.Replace(aTile, "t1", fmt.Sprint(i), 1), `"day"`, `"`+strings.Repeat("a", 6000)+`"`, 1)
	}
	s.do(http.MethodPut, path+"/"+made.text("id"), token, boardOf("as many", long...)).problem(409, "boards-too-large", "")
}

func TestAnnotationRoutes(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, project, token := s.user("ann")
	_, _, stranger := s.user("eve")
	path := "/api/projects/" + project + "/annotations"
	add := func(at, text string) answer {
		return s.do(http.MethodPost, path, token, `{"at": "`+at+`", "text": "`+text+`"}`)
	}
	deploy := add("2025-08-02", "deploy")
	require.Equal(t, 201, deploy.Code, deploy.Body)
	require.Equal(t, 201, add("2025-08-01T22:30:00.5+00:00", "outage").Code)
	require.Equal(t, 201, add("2025-08-05", "campaign").Code)
	texts := func(query string) (all []string) {
		answer := s.get(path+query, token)
		require.Equal(t, 200, answer.Code, answer.Body)
		for i := range answer.member("data").([]any) {
			all = append(all, answer.text(fmt.Sprintf("data.%d.text", i)))
		}
		return all
	}
	require.Equal(t, []string{"outage", "deploy", "campaign"}, texts(""))
	require.Equal(t, "2025-08-01T22:30:00.5Z", s.get(path, token).text("data.0.at"))
	require.Equal(t, []string{"deploy"}, texts("?from=2025-08-02&to=2025-08-04"))
	require.Equal(t, []string{"outage", "deploy"}, texts("?from=2025-08-02&to=2025-08-04&timezone=Europe/Kyiv"), "it was after midnight there")
	require.Empty(t, texts("?from=2025-09-01&to=2025-09-02"))
	require.Equal(t, []string{"campaign"}, texts("?from=2025-08-03"))
	require.Equal(t, []string{"campaign"}, texts("?from=2025-08-03&timezone=Europe/Kyiv"))
	add("1970-01-01T00:30:00+01:00", "of 1969").problem(422, "invalid-field", "at")
	require.Equal(t, []string{"outage"}, texts("?to=2025-08-01"))

	one := path + "/" + deploy.text("id")
	s.do(http.MethodPatch, one, stranger, `{"text": "x"}`).problem(404, "not-found", "")
	s.do(http.MethodDelete, one, stranger, nil).problem(404, "not-found", "")
	s.get(path, stranger).problem(404, "not-found", "")
	moved := s.do(http.MethodPatch, one, token, `{"at": "2025-08-03T00:00:00Z"}`)
	require.Equal(t, "2025-08-03T00:00:00Z", moved.text("at"))
	require.Equal(t, "deploy", moved.text("text"))
	require.Equal(t, "2025-08-03T00:00:00Z", s.do(http.MethodPatch, one, token, `{"text": "a deploy"}`).text("at"))
	require.Equal(t, 204, s.do(http.MethodDelete, one, token, nil).Code)
	s.do(http.MethodDelete, one, token, nil).problem(404, "not-found", "")
	s.do(http.MethodPatch, one, token, `{}`).problem(404, "not-found", "")

	add("yesterday", "x").problem(422, "invalid-field", "at")
	add("1969-12-31", "x").problem(422, "invalid-field", "at")
	add("1969-12-31T00:00:00Z", "x").problem(422, "invalid-field", "at")
	add("2025-08-01", `\u202e`).problem(422, "invalid-character", "text")
	for query, field := range map[string]string{"?from=x": "from", "?from=2025-08-02&to=2025-08-01": "to", "?timezone=Mars": "timezone"} {
		s.get(path+query, token).problem(422, "invalid-parameter", field)
	}
	_, err := s.pool.Exec(t.Context(), `INSERT INTO analytics.annotations (project_id, day, text, changed_by)
		SELECT $1::bigint, '2025-08-01', 'b', (SELECT user_id FROM analytics.members WHERE project_id = $1::bigint) FROM generate_series(1, 1998)`, project)
	require.NoError(t, err)
	add("2025-08-01", "one more").problem(409, "too-many-annotations", "")
}
