package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/api"
	"eventanalytics/tests/harness/stack"
)

// TestDocsWorkAtTheFirstClick executes each operation of the documentation with what
// Swagger UI fills in, on a new standalone that has the sample, as somebody does who
// follows the tour and then tries the page.
func TestDocsWorkAtTheFirstClick(t *testing.T) {
	s, err := stack.Standalone(t.Context(), newDir(t), "RATE_LIMIT_STATS=1000/s", "RATE_LIMIT_ACCOUNT=1000/s")
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Stop()) }()
	root, err := stack.Root()
	require.NoError(t, err)
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(root, "pkg", "platform", "openapi", "openapi.json"))
	require.NoError(t, err)

	page := &clicker{api.Anonymous(s.URL, nil), doc}
	require.Equal(t, 201, page.click(t, "post /api/auth/register", "application/json").Status)
	page.login(t)
	sample, err := os.ReadFile("../../harness/sample/events_sample.json")
	require.NoError(t, err)
	receipt := page.c.Upload(t, string(sample))
	require.Equal(t, 5000, receipt.Accepted)
	page.c.Visible(t, receipt.Position, "/api/stats/event-types")
	page.c.Post(t, "/api/auth/register", object{"username": "demo", "password": "try-it-out"}).Is(t, 201, "")

	// What has to be filled in: it is known to the caller alone.
	var left []string
	last := []string{"post /api/auth/password", "post /api/auth/logout"}
	for _, operation := range page.operations() {
		kinds := page.kinds(operation)
		switch {
		case slices.Contains(last, operation) || operation == "post /api/auth/register":
		case operation == "get /api/stats/events/stream": // lasts for as long as one looks
		case strings.Contains(operation, " /api/share"): // without the login, by the secret of a share
			left = append(left, operation)
		case !page.filledIn(operation):
			left = append(left, operation)
		default:
			for _, kind := range kinds {
				answer := page.click(t, operation, kind)
				require.Less(t, answer.Status, 300, "%s as %s: %s", operation, kind, answer.Body)
				if strings.HasSuffix(operation, " /api/events") {
					var r struct{ Position string }
					require.NoError(t, json.Unmarshal(answer.Body, &r))
					page.c.Visible(t, r.Position, "/api/stats/event-types")
				}
				if (strings.Contains(operation, " /api/stats/") || operation == "post /api/sql") && operation != "get /api/stats/usage" {
					var rows struct{ Data json.RawMessage }
					require.NoError(t, json.Unmarshal(answer.Body, &rows))
					require.Greater(t, len(rows.Data), len("[{}]"), "%s finds nothing in the sample: %s", operation, answer.Body)
				}
			}
		}
	}
	require.Equal(t, []string{
		"post /api/auth/refresh", "get /api/groups/{type}/{key}", "post /api/identity/changes", "get /api/identity/changes", "post /api/identity/restated", "get /api/identity/restated",
		"post /api/invitations/{id}/accept", "post /api/invites/accept",
		"patch /api/projects/{id}/annotations/{annotation}",
		"put /api/projects/{id}/boards/{board}", "get /api/projects/{id}/boards/{board}",
		"post /api/projects/{id}/boards/{board}/shares", "get /api/projects/{id}/boards/{board}/shares",
		"patch /api/projects/{id}/boards/{board}/shares/{share}",
		"post /api/projects/{id}/transfer", "get /api/share", "get /api/share/tiles/{tile}",
		"delete /api/projects/{id}/members/{user_id}", "delete /api/projects/{id}/keys/{key_id}",
		"delete /api/projects/{id}/invites/{invite}", "delete /api/projects/{id}/invitations/{user_id}", "delete /api/projects/{id}/boards/{board}/shares/{share}", "delete /api/projects/{id}/boards/{board}",
		"delete /api/projects/{id}/annotations/{annotation}", "delete /api/invitations/{id}",
		"delete /api/identity/links/{link}",
		"delete /api/auth/sessions/{id}",
	}, left)
	page.login(t) // "End all your logins" ended this one, too
	for _, operation := range last {
		require.Less(t, page.click(t, operation, page.kinds(operation)[0]).Status, 300, operation)
	}
}

// The login comes first, and is where the cursor is.
func TestDocsPage(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := api.Anonymous(s.URL, nil)
		page := string(c.Get(t, "/docs").Body)
		require.Contains(t, page, "column-reverse")
		require.Contains(t, page, "#oauth_username")
	})
}

// clicker executes operations as the page does.
type clicker struct {
	c   *caller
	doc *openapi3.T
}

func (p *clicker) operations() (all []string) {
	for _, path := range p.doc.Paths.Keys() { // in the order of the document, first what makes something
		for _, method := range []string{"POST", "PUT", "PATCH", "GET"} {
			// What SDKs send is theirs: the page has no body for it.
			if op := p.doc.Paths.Value(path).GetOperation(method); op != nil && !slices.Contains(op.Tags, "SDKs") {
				all = append(all, strings.ToLower(method)+" "+path)
			}
		}
	}
	for _, path := range slices.Backward(p.doc.Paths.Keys()) { // last what ends something, parts first
		if p.doc.Paths.Value(path).Delete != nil {
			all = append(all, "delete "+path)
		}
	}
	return all
}

func (p *clicker) operation(name string) (method, path string, op *openapi3.Operation) {
	method, path, _ = strings.Cut(name, " ")
	method = strings.ToUpper(method)
	return method, path, p.doc.Paths.Value(path).GetOperation(method)
}

// kinds are the media types that the page offers for a body.
func (p *clicker) kinds(name string) (kinds []string) {
	_, _, op := p.operation(name)
	if op.RequestBody == nil {
		return []string{""}
	}
	for kind, content := range op.RequestBody.Value.Content {
		if content.Example != nil {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// prefill is what the page fills in for a parameter.
func prefill(p *openapi3.Parameter) any {
	switch schema := p.Schema.Value; {
	case p.Example != nil:
		return p.Example
	case schema.Example != nil:
		return schema.Example
	case len(schema.Examples) > 0:
		return schema.Examples[0]
	default:
		return schema.Default
	}
}

// filledIn reports whether there is nothing left to fill in.
func (p *clicker) filledIn(name string) bool {
	_, _, op := p.operation(name)
	for _, parameter := range op.Parameters {
		if parameter.Value.Required && prefill(parameter.Value) == nil {
			return false
		}
	}
	for _, kind := range p.kinds(name) {
		if kind == "" {
			continue
		}
		members, _ := op.RequestBody.Value.Content[kind].Example.(map[string]any)
		for _, value := range members {
			if value == "…" {
				return false
			}
		}
	}
	return true
}

func (p *clicker) click(t *testing.T, name, kind string) *api.Answer {
	t.Helper()
	method, path, op := p.operation(name)
	query := url.Values{}
	for _, parameter := range op.Parameters {
		value := prefill(parameter.Value)
		if value == nil {
			continue
		}
		require.False(t, parameter.Value.Deprecated, "%s: %s is an alias", name, parameter.Value.Name)
		switch parameter.Value.In {
		case "path":
			path = strings.ReplaceAll(path, "{"+parameter.Value.Name+"}", fmt.Sprint(value))
		case "query":
			list, isList := value.([]any)
			if !isList {
				list = []any{value}
			}
			for _, item := range list {
				query.Add(parameter.Value.Name, fmt.Sprint(item))
			}
		default:
			t.Fatalf("%s: %s is in the %s", name, parameter.Value.Name, parameter.Value.In)
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	if kind == "" {
		return p.c.Do(t, method, path, nil)
	}
	example := op.RequestBody.Value.Content[kind].Example
	body, err := json.Marshal(example)
	require.NoError(t, err)
	switch text, isText := example.(string); {
	case isText:
		body = []byte(text)
	case kind == "application/x-www-form-urlencoded":
		form := url.Values{}
		for member, value := range example.(map[string]any) {
			form.Set(member, fmt.Sprint(value))
		}
		body = []byte(form.Encode())
	}
	return p.c.Do(t, method, path, bytes.NewReader(body), "Content-Type", kind)
}

// login does what Authorize does, with the account of the example.
func (p *clicker) login(t *testing.T) {
	t.Helper()
	answer := p.click(t, "post /api/auth/token", "application/x-www-form-urlencoded")
	require.Equal(t, 200, answer.Status, string(answer.Body))
	var token struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.Unmarshal(answer.Body, &token))
	p.c = p.c.With("Authorization", "Bearer "+token.AccessToken)
}
