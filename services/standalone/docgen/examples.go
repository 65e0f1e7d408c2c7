package docgen

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"eventanalytics/services/stats"
)

// Swagger UI fills in what the document gives as an example or default; of a body
// without an example, all members, with made-up values for those that have none. So
// every body has an example, and what cannot be known beforehand is toFillIn. They
// work in the order of the document, for somebody who follows the tour of the
// README: ann has registered first and posted the sample, demo, of the welcome, next.

type object = map[string]any

// toFillIn stands for what only the caller knows. It is as long as any text has to be:
// clients refuse a document with examples that its own schemas do not allow.
const toFillIn = "…"

// bodies are examples of request bodies, by method and path. Those of questions are
// made from their parameters.
var bodies = map[string]any{
	"post /api/auth/register":          object{"username": "ann", "password": "correct horse battery"},
	"post /api/auth/token":             object{"username": "ann", "password": "correct horse battery"},
	"post /api/auth/session":           object{"username": "ann", "password": "correct horse battery"},
	"post /api/auth/refresh":           object{"refresh_token": toFillIn},
	"post /api/auth/password":          object{"old_password": "correct horse battery", "new_password": "seven green lamps"},
	"post /api/projects":               object{"name": "Shop"},
	"patch /api/projects/{id}":         object{"name": "Shop", "week_start": "sunday"},
	"post /api/projects/{id}/keys":     object{"name": "web shop", "scope": "ingest"},
	"post /api/projects/{id}/members":  object{"username": "demo", "role": "viewer"},
	"post /api/projects/{id}/transfer": object{"username": toFillIn},
	"put /api/projects/{id}/cohorts/{name}": object{"description": "Who pays", "filter": []any{
		object{"did": "purchase", "times": ">=2"}, object{"not": "user.plan=free"},
	}},
	"put /api/projects/{id}/cohorts/{name}/users":            "user_id\n42\n43\n",
	"post /api/projects/{id}/boards":                         exampleBoard,
	"put /api/projects/{id}/boards/{board}":                  exampleBoard,
	"post /api/projects/{id}/boards/{board}/shares":          object{"dates": "moving", "days": 90},
	"patch /api/projects/{id}/boards/{board}/shares/{share}": object{"version": 2},
	"post /api/projects/{id}/invites":                        object{"role": "viewer", "days": 7},
	"post /api/invites/accept":                               object{"secret": toFillIn},
	"post /api/identity/links":                               object{"from": "device-7f3a", "to": "ann@example.com"},
	"post /api/identity/changes":                             object{"since": toFillIn},
	"post /api/identity/restated":                            object{"from": "2025-08-01", "to": "2025-08-31", "since": toFillIn},
	"post /api/projects/{id}/annotations":                    object{"at": "2025-08-21", "text": "Version 2 is out"},
	"patch /api/projects/{id}/annotations/{annotation}":      object{"text": "Version 2.0 is out"},
	"post /api/projects/{id}/cohorts/{name}/freeze":          object{"as_of": "2025-08-31", "timezone": "Europe/Kyiv", "to": "paying-in-august"},
	"post /api/sql": object{
		"sql":    "SELECT event_type, count(*) AS events, count(DISTINCT person_id) AS users\nFROM events WHERE properties ->> 'country' = $1\nGROUP BY event_type ORDER BY events DESC LIMIT 10",
		"params": []any{"PL"}, "from": "2025-08-01", "to": "2025-08-31", "timezone": "Europe/Kyiv",
	},
	"post /api/events": []any{object{
		"event_id": exampleEvent, "occurred_at": "2025-08-21T06:52:34+03:00", "user_id": 1, "event_type": "view_item",
		"properties": object{"country": "PL", "session_id": "5ef18783", "item_id": "SKU6991", "price": 118.64, "currency": "USD"},
	}},
}

var exampleBoard = object{
	"name": "Growth", "range": object{"from": "-30d", "to": "today"},
	"tiles": []any{object{
		"id": "users", "kind": "line", "title": "Daily active users", "size": object{"width": 6, "height": 2},
		"question": object{"route": "/api/stats/trends", "params": object{"series": []any{"*"}, "measure": "users"}},
	}},
}

// exampleEvent is the id of an event that can be posted again and again, and then be
// asked for.
const exampleEvent = "25a4b866-040b-466f-945c-148e4720f511"

const exampleLines = `{"event_id": "` + exampleEvent + `", "occurred_at": "2025-08-21T06:52:34+03:00", "user_id": 1, "event_type": "view_item", "properties": {"country": "PL", "session_id": "5ef18783", "item_id": "SKU6991", "price": 118.64, "currency": "USD"}}
`

// parameters are examples of parameters by path and name. An id that only the
// caller can know has none.
var parameters = map[string]any{
	"/api/projects/{id} id":                               1,
	"/api/projects/{id}/invitations id":                   1,
	"/api/projects/{id}/invitations/{user_id} id":         1,
	"/api/projects/{id}/keys id":                          1,
	"/api/projects/{id}/keys/{key_id} id":                 1,
	"/api/projects/{id}/members id":                       1,
	"/api/projects/{id}/cohorts id":                       1,
	"/api/projects/{id}/cohorts/{name} id":                1,
	"/api/projects/{id}/cohorts/{name} name":              "paying",
	"/api/projects/{id}/cohorts/{name}/users id":          1,
	"/api/projects/{id}/cohorts/{name}/users name":        "paying",
	"/api/projects/{id}/boards id":                        1,
	"/api/projects/{id}/boards/{board} id":                1,
	"/api/projects/{id}/boards/{board}/shares id":         1,
	"/api/projects/{id}/boards/{board}/shares/{share} id": 1,
	"/api/projects/{id}/invites id":                       1,
	"/api/projects/{id}/invites/{invite} id":              1,
	"/api/projects/{id}/annotations id":                   1,
	"/api/projects/{id}/annotations/{annotation} id":      1,
	"/api/projects/{id}/members/{user_id} id":             1,
	"/api/stats/events/{event_id} event_id":               exampleEvent,
	"/api/projects/{id}/cohorts/{name}/freeze id":         1,
	"/api/projects/{id}/cohorts/{name}/freeze name":       "paying",
}

// aliases are other names of what has an example already; only one may be given.
var aliases = []string{"from_date", "to_date", "properties_json"}

// mandatory are required under this name or an alias, which the document cannot say.
// Code that is generated from it should use the name.
var mandatory = []string{"from", "to", "start_date", "property", "since"}

// isMandatory says whether a parameter with a description and a schema is one of them;
// some questions have a default.
func isMandatory(name string, description any, schema object) bool {
	text, _ := description.(string)
	return slices.Contains(mandatory, name) && schema["default"] == nil && !strings.Contains(text, "by default")
}

// own are examples of parameters that questions cannot do without, by path.
var own = map[string]object{
	"/api/stats/trends":  {"series": []any{"view_item"}},
	"/api/stats/funnels": {"steps": []any{"view_item", "purchase"}},
}

// examples are of parameters that share them in all questions.
var examples = object{"from": "2025-08-01", "to": "2025-08-31", "start_date": "2025-08-01", "end_date": "2025-08-31", "property": "properties.country"}

// complete makes the page that shows the document work at the first click.
func complete(document object) error {
	schemas := document["components"].(object)["schemas"].(object)
	for path, item := range document["paths"].(object) {
		for method, value := range item.(object) {
			operation, ok := value.(object)
			if !ok {
				continue
			}
			list, _ := operation["parameters"].([]any)
			for _, p := range list {
				completeParameter(path, p.(object))
			}
			if err := completeBody(method+" "+path, operation, schemas); err != nil {
				return err
			}
		}
	}
	return nil
}

func completeParameter(path string, p object) {
	name := p["name"].(string)
	schema := p["schema"].(object)
	example, ok := parameters[path+" "+name]
	if !ok {
		if example, ok = own[path][name]; ok {
			p["required"] = true
		}
	}
	if !ok {
		example, ok = examples[name]
	}
	if ok {
		delete(schema, "examples")
		p["example"] = example
	}
	switch {
	case slices.Contains(aliases, name):
		p["deprecated"] = true
	case isMandatory(name, p["description"], schema):
		p["required"] = true
	}
}

func completeBody(operation string, value, schemas object) error {
	body, ok := value["requestBody"].(object)
	if !ok {
		return nil
	}
	contents := body["content"].(object)
	for kind, content := range contents {
		content := content.(object)
		var asked object
		if kind == "application/json" && isQuestion(operation) {
			reference, _ := content["schema"].(object)["$ref"].(string)
			asked = question(schemas[strings.TrimPrefix(reference, "#/components/schemas/")].(object), own[strings.TrimPrefix(operation, "post ")])
		}
		switch example, ok := bodies[operation]; {
		case kind == "application/x-ndjson":
			content["example"] = exampleLines
		case ok && kind != "application/octet-stream":
			content["example"] = example
		case asked != nil:
			content["example"] = asked
		case kind != "application/octet-stream":
			return fmt.Errorf("%s has no example of its body", operation)
		}
	}
	return nil
}

// isQuestion says whether an operation is a question in JSON.
func isQuestion(operation string) bool {
	path, isPost := strings.CutPrefix(operation, "post ")
	return isPost && slices.ContainsFunc(stats.Routes(), func(r stats.Route) bool { return r.Method == http.MethodPost && r.Path == path })
}

// question marks what a question requires, and returns an example of its period and what
// else it cannot do without.
func question(schema, own object) object {
	members := schema["properties"].(object)
	example, required := maps.Clone(own), []any{}
	if example == nil {
		example = object{}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		member := members[name].(object)
		if slices.Contains(aliases, name) {
			member["deprecated"] = true
		}
		if isMandatory(name, member["description"], member) || own[name] != nil {
			required = append(required, name)
		}
		if value, ok := examples[name]; ok {
			example[name] = value
		}
	}
	if len(required) > 0 {
		schema["required"] = required
	}
	return example
}
