package e2e

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/client"
	"eventanalytics/tests/harness/stack"
)

var walkSeed = flag.Uint64("walk", 0, "seed of the walk through the OpenAPI document; 0 takes another each time")

// TestWalk makes requests of the OpenAPI document alone: right ones, and ones
// with a single mistake, for each parameter and each member of a body. The client
// checks each answer against the document; each mistake must be refused, and
// nothing of it be stored.
func TestWalk(t *testing.T) {
	root, err := stack.Root()
	require.NoError(t, err)
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(root, "pkg", "platform", "openapi", "openapi.json"))
	require.NoError(t, err)
	seed := *walkSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-walk=%d does the same again", seed)
	onEach(t, func(t *testing.T, s *stack.Stack) {
		held := openStore(t, s)
		other, stranger := newUser(t, s.URL), newUser(t, s.URL)
		for _, path := range doc.Paths.Keys() {
			operations := doc.Paths.Value(path).Operations()
			for _, method := range slices.Sorted(maps.Keys(operations)) {
				if slices.Contains(operations[method].Tags, "SDKs") {
					continue // they forgive: services/ingest tests them
				}
				t.Run(operations[method].OperationID, func(t *testing.T) {
					w := &walker{
						generator: generator{rand: rand.New(rand.NewPCG(seed, 0))},
						c:         newUser(t, s.URL), other: other, stranger: stranger, method: method, path: path, op: operations[method],
					}
					if slices.Contains([]string{"event", "profile", "timeline", "latest-events", "latest-events-post"}, w.op.OperationID) {
						w.event = newID()
						w.c.Upload(t, event(w.event))
						held.gained(t, 1)
					}
					if strings.HasPrefix(path, "/api/share") {
						_, _, secret := share(t, w.c)
						w.c = w.c.With("Authorization", "Share "+secret)
					}
					w.mistakes(t)
					w.credentials(t)
					held.gained(t, 0)
					held.gained(t, w.right(t))
					require.Greater(t, w.sent, 5) // fewest where there is neither parameter nor credential
				})
			}
		}
	})
}

// walker makes requests to one operation.
type walker struct {
	generator
	method, path string
	op           *openapi3.Operation
	c            *caller // whose project it is about
	other        *caller // may become a member of it
	stranger     *caller // knows nothing of it
	event        string  // id of one that is there
	sent         int     // requests
}

// asked is one request to the operation.
type asked struct {
	path   map[string]string
	query  url.Values
	header http.Header
	body   any // nil: none
}

// text of the body, and its type, when they are not those of body.
type override struct{ text, contentType string }

func (w *walker) send(t *testing.T, c *caller, r asked, o ...override) *answer {
	t.Helper()
	w.sent++
	path := w.path
	for name, value := range r.path {
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
	}
	if len(r.query) > 0 {
		path += "?" + r.query.Encode()
	}
	text, headers := "", []string{}
	if r.body != nil {
		text, headers = jsonText(t, r.body), append(headers, "Content-Type", "application/json")
	}
	if w.op.RequestBody != nil && r.body == nil {
		text, headers = "user_id\n1\n", append(headers, "Content-Type", "text/csv")
	}
	if len(o) > 0 {
		text, headers = o[0].text, []string{"Content-Type", o[0].contentType}
	}
	for name := range r.header {
		headers = append(headers, name, r.header.Get(name))
	}
	return c.Do(t, w.method, path, strings.NewReader(text), headers...)
}

// full is a right request with everything that may be in one.
func (w *walker) full(t *testing.T) asked {
	t.Helper()
	w.everything = true
	defer func() { w.everything = false }()
	return w.request(t)
}

// request is a right one.
func (w *walker) request(t *testing.T) asked {
	t.Helper()
	w.known = w.values(t)
	r := asked{path: map[string]string{}, query: url.Values{}, header: http.Header{}}
	for _, ref := range w.op.Parameters {
		p := ref.Value
		if !p.Required && !w.wanted(p.Name) {
			continue
		}
		value := w.value(p.Name, p.Schema.Value)
		switch p.In {
		case "path":
			r.path[p.Name] = plain(value)
		case "header":
			r.header.Set(p.Name, plain(value))
		default:
			r.query[p.Name] = plains(value)
		}
	}
	if schema := w.bodySchema(); schema != nil {
		r.body = w.value("", schema)
	}
	return r
}

func (w *walker) bodySchema() *openapi3.Schema {
	if w.op.RequestBody == nil {
		return nil
	}
	if content := w.op.RequestBody.Value.Content["application/json"]; content != nil {
		return content.Schema.Value
	}
	return nil // in CSV
}

// right sends right requests and returns how many events they made.
func (w *walker) right(t *testing.T) (events int) {
	t.Helper()
	for range 5 {
		r := w.request(t)
		a := w.send(t, w.c, r)
		require.Less(t, a.Status, 400, "%s: %s", w.describe(t, r), a.Body)
		if a.Status == http.StatusAccepted {
			var got client.Receipt
			a.Decode(t, &got)
			events += got.Accepted
		}
	}
	return events
}

func (w *walker) describe(t *testing.T, r asked) string {
	t.Helper()
	return fmt.Sprintf("%s %s path %v query %v header %v body %.2000s", w.method, w.path, r.path, r.query, r.header, jsonText(t, r.body))
}

// refused requires that a request is refused for what is wrong with it.
func (w *walker) refused(t *testing.T, mistake string, a *answer, r asked) {
	t.Helper()
	require.True(t, a.Status >= 400 && a.Status < 500 && a.Status != 429, "%s: %d %.400s\n%s", mistake, a.Status, a.Body, w.describe(t, r))
}

// mistakes sends requests with one mistake each.
func (w *walker) mistakes(t *testing.T) {
	t.Helper()
	for _, ref := range w.op.Parameters {
		p := ref.Value
		for _, wrong := range wrongTexts(p) {
			r := w.full(t)
			switch p.In {
			case "path":
				r.path[p.Name] = wrong[0]
			case "header":
				r.header.Set(p.Name, wrong[0])
			default:
				r.query[p.Name] = wrong
			}
			w.refused(t, fmt.Sprintf("%s %.60q", p.Name, wrong), w.send(t, w.c, r), r)
		}
	}
	r := w.full(t)
	r.query.Set("surplus", "1")
	w.refused(t, "unknown parameter", w.send(t, w.c, r), r)
	if w.bodySchema() != nil {
		w.badBodies(t)
	}
}

func (w *walker) badBodies(t *testing.T) {
	t.Helper()
	base := w.full(t)
	for _, m := range mutations(w.bodySchema(), base.body) {
		r := base
		r.body = m.value
		w.refused(t, m.what, w.send(t, w.c, r, override{jsonText(t, m.value), "application/json"}), r)
	}
	good := jsonText(t, base.body)
	for _, text := range []string{"", " ", good[:len(good)-1], good + good, good + "]", "\ufeff" + good, "\xff", strings.Repeat("[", 20_000)} {
		w.refused(t, fmt.Sprintf("body %.20q", text), w.send(t, w.c, base, override{text, "application/json"}), base)
	}
	for _, contentType := range []string{"text/plain", "application/xml", "multipart/form-data; boundary=x", "x"} {
		w.refused(t, contentType, w.send(t, w.c, base, override{good, contentType}), base)
	}
}

// credentials sends a right request without a credential, with one that is none
// and with ones that do not reach so far.
func (w *walker) credentials(t *testing.T) {
	t.Helper()
	if w.op.Security == nil {
		return
	}
	nobody := anonymous(t, w.c.URL())
	without := w.send(t, nobody, w.full(t))
	if optional := slices.ContainsFunc(*w.op.Security, func(r openapi3.SecurityRequirement) bool { return len(r) == 0 }); optional {
		require.Less(t, without.Status, 300, "%s", without)
	} else {
		without.Is(t, 401, "unauthorized")
	}
	for _, c := range []*caller{nobody.With("Authorization", "Bearer x"), nobody.With("Authorization", "Basic eDp5"), nobody.With("X-API-Key", "x")} {
		w.send(t, c, w.full(t)).Is(t, 401, "unauthorized")
	}
	if strings.HasPrefix(w.path, "/api/share") { // one secret, and no other credential
		w.send(t, w.stranger, w.full(t)).Is(t, 401, "unauthorized")
		w.send(t, nobody.With("Authorization", "Share eas_guess"), w.full(t)).Is(t, 401, "unauthorized")
		return
	}
	scopes := []string{"ingest", "read"}
	if keys := slices.ContainsFunc(*w.op.Security, func(r openapi3.SecurityRequirement) bool { _, ok := r["apiKey"]; return ok }); keys {
		scopes = slices.DeleteFunc(scopes, func(scope string) bool {
			return w.op.OperationID != "sql" && (scope == "ingest") == (slices.Contains([]string{"post-events", "replay-rejected-events", "link-ids", "unlink-ids"}, w.op.OperationID))
		})
	}
	for _, scope := range scopes {
		key, _ := w.c.Key(t, scope)
		r := w.full(t)
		r.header.Del("X-Project")
		w.send(t, nobody.With("X-API-Key", key), r).Is(t, 403, "")
	}
	r := w.full(t)
	if r.header.Get("X-Project") == "" && r.path["id"] == "" {
		return
	}
	w.send(t, w.stranger, r).Is(t, 404, "not-found")
}
