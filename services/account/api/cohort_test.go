package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCohortRoutes(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, project, token := s.user("ann")
	path := func(name string) string { return "/api/projects/" + project + "/cohorts" + name }
	put := func(name, body string, headers ...string) answer {
		return s.do(http.MethodPut, path(name), token, body, headers...)
	}
	made := put("/paying", `{"description": "who pays", "filter": {"did": "purchase", "times": 2}}`)
	require.Equal(t, 201, made.Code, made.Body)
	require.Equal(t, "who pays", made.text("description"))
	require.JSONEq(t, `{"did": "purchase", "times": ">=2"}`, made.Body.String()[strings.Index(made.Body.String(), `{"did"`):strings.Index(made.Body.String(), `}`)+1])
	require.Equal(t, fmt.Sprintf(`"%s"`, made.text("version")), made.Header().Get("ETag"))
	again := put("/paying", `{"filter": "user.plan=pro"}`, "If-Match: "+made.Header().Get("ETag"))
	require.Equal(t, 200, again.Code, again.Body)
	require.Equal(t, "", again.text("description"))
	put("/paying", `{"filter": "user.plan=pro"}`, "If-Match: "+made.Header().Get("ETag")).problem(412, "changed-since", "")
	put("/paying", `{"filter": "user.plan=pro"}`, "If-Match: W/x").problem(412, "changed-since", "")
	s.do(http.MethodDelete, path("/paying"), token, nil, `If-Match: "1000000"`).problem(412, "changed-since", "")
	read := s.get(path("/paying"), token)
	require.Equal(t, 200, read.Code)
	require.Equal(t, again.Header().Get("ETag"), read.Header().Get("ETag"))
	require.Equal(t, "user.plan=pro", read.text("filter"))

	list := put("/list", `{"users": ["42", "a,b", "42"]}`)
	require.Equal(t, 201, list.Code, list.Body)
	require.Equal(t, "2", list.text("users"))
	csv := s.get(path("/list/users"), token)
	require.Equal(t, 200, csv.Code)
	require.Equal(t, "text/csv; charset=utf-8", csv.Header().Get("Content-Type"))
	require.Equal(t, "user_id\n42\n\"a,b\"\n", csv.Body.String())
	uploaded := put("/list/users", "\ufeffuser_id\r\n\"x\"\"y\"\n42\n", "Content-Type: text/csv")
	require.Equal(t, 200, uploaded.Code, uploaded.Body)
	require.Equal(t, "user_id\n42\n\"x\"\"y\"\n", s.get(path("/list/users"), token).Body.String())
	require.Equal(t, 201, put("/none/users", "user_id\n", "Content-Type: text/csv").Code)
	require.Equal(t, "user_id\n", s.get(path("/none/users"), token).Body.String())
	s.get(path("/paying/users"), token).problem(409, "not-a-list", "")
	require.Equal(t, "list", s.get(path(""), token).text("data.0.name"))

	for body, want := range map[string][3]string{
		``: {"400", "malformed-request"}, `{"filter": "user.a=1"`: {"400", "malformed-json"}, `{"users": ["a", "b"]} x`: {"400", "malformed-json"}, `{"users": ["a"], "users": []}`: {"400", "malformed-json"},
		`[]`: {"422", "invalid-field", "body"}, `{}`: {"422", "missing-field", "filter"}, `{"filter": "user.a=1", "users": []}`: {"422", "invalid-field", "users"},
		`{"name": "x", "users": []}`: {"422", "unknown-field", "name"}, `{"users": "a"}`: {"422", "invalid-field", "users"}, `{"users": ["a", 1]}`: {"422", "invalid-field", "users[1]"},
		`{"users": [""]}`: {"422", "invalid-field", "users[0]"}, `{"filter": ["user.a=1", "properties.b"]}`: {"422", "invalid-field", "filter[1]"}, `{"filter": {"any": [{"not": "event_type=a"}]}}`: {"422", "invalid-field", "filter.any[0].not"},
		`{"filter": "cohort:nobody"}`: {"422", "unknown-cohort", "filter"}, `{"description": 1, "users": []}`: {"422", "invalid-field", "description"}, `{"description": "a\u0000", "users": []}`: {"422", "invalid-character", "description"},
	} {
		status := 0
		_, err := fmt.Sscan(want[0], &status)
		require.NoError(t, err)
		put("/wrong", body).problem(status, want[1], want[2])
	}
	put("/Wrong", `{"users": []}`).problem(422, "invalid-parameter", "name")
	put("/wrong/users", "a,b\n", "Content-Type: text/csv").problem(422, "invalid-field", "row 1")
	put("/wrong/users", "a\n\"", "Content-Type: text/csv").problem(400, "malformed-csv", "")
	put("/wrong/users", "a\n").problem(415, "unsupported-media-type", "")
	put("/wrong", `{"users": []}`, "Content-Type: text/plain").problem(415, "unsupported-media-type", "")
	s.get(path("/wrong"), token).problem(404, "not-found", "")
	require.Equal(t, 204, s.do(http.MethodDelete, path("/paying"), token, nil).Code)
	s.get(path("/paying"), token).problem(404, "not-found", "")
}

// A million users are taken, more are not, and one list is read at a time.
func TestLongLists(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, project, token := s.user("ann")
	path := "/api/projects/" + project + "/cohorts/list"
	var b strings.Builder
	for i := range 1_000_000 {
		fmt.Fprintf(&b, "user-%07d\n", i)
	}
	made := s.do(http.MethodPut, path+"/users", token, b.String(), "Content-Type: text/csv")
	require.Equal(t, 201, made.Code, made.Body)
	require.Equal(t, "1e+06", made.text("users"))
	s.do(http.MethodPut, path+"/users", token, b.String()+"one more\n", "Content-Type: text/csv").problem(422, "invalid-field", "body")
	s.do(http.MethodPut, path, token, `{"users": [`+strings.Repeat(`"a",`, 1_000_000)+`"a"]}`).problem(422, "invalid-field", "users")
	s.do(http.MethodPut, path, token, `{"users": ["`+strings.Repeat("a", 33<<20)+`"]}`).problem(413, "request-entity-too-large", "")
}
