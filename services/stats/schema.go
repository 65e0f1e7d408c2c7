package stats

import (
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/services/stats/question"
)

// responses describes the answers to a question with some forms of rows.
func responses(schemas huma.Registry, rows []question.Row) map[string]*huma.Response {
	text := func(doc string) *huma.MediaType {
		return &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Description: doc}}
	}
	headers := map[string]*huma.Header{}
	for _, name := range []string{"Cache-Control", "Content-Disposition", "Content-Type", "ETag", "Vary"} {
		headers[name] = &huma.Header{Schema: &huma.Schema{Type: huma.TypeString}}
	}
	return map[string]*huma.Response{
		"200": {
			Description: "The rows; a request with Cache-Control: no-cache or no-store has them computed again",
			Headers:     headers,
			Content: map[string]*huma.MediaType{
				"application/json":            {Schema: answerSchema(schemas, rows)},
				formats["csv"].contentType:    text("The rows, with a header line, in UTF-8; see csv_text"),
				formats["ndjson"].contentType: text("The rows, each as a JSON object on a line of its own"),
				formats["parquet"].contentType: {Schema: &huma.Schema{
					Type: huma.TypeString, Format: "binary", Description: "The rows as an Apache Parquet file",
				}},
			},
		},
		"304": {Description: "The answer still has the ETag that If-None-Match names"},
	}
}

// sqlResponses describes the answers to SQL, whose columns nobody knows before.
func sqlResponses(schemas huma.Registry) map[string]*huma.Response {
	all := responses(schemas, nil)
	delete(all, "304")
	delete(all["200"].Headers, "ETag")
	all["200"].Description = "The rows"
	all["200"].Content["application/json"].Schema = &huma.Schema{
		Type: huma.TypeObject,
		Properties: map[string]*huma.Schema{
			"data":              {Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}, Description: "The rows, each with the statement's columns"},
			"meta":              schemas.Schema(reflect.TypeFor[SQLMeta](), true, ""),
			"query":             schemas.Schema(reflect.TypeFor[question.SQL](), true, ""),
			"response_time_sec": {Type: huma.TypeNumber, Description: "Time the service took, in seconds"},
		},
		Required: []string{"data", "meta", "query", "response_time_sec"},
	}
	return all
}

func answerSchema(schemas huma.Registry, rows []question.Row) *huma.Schema {
	lists := make([]*huma.Schema, len(rows))
	for i, row := range rows {
		schemas.Map()[row.Schema] = rowSchema(row)
		lists[i] = &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Ref: schemaPath + row.Schema}}
	}
	data := &huma.Schema{}
	if len(lists) > 0 {
		data = lists[0]
	}
	if len(lists) > 1 {
		data = &huma.Schema{AnyOf: lists}
	}
	return &huma.Schema{
		Type: huma.TypeObject,
		Properties: map[string]*huma.Schema{
			"data":              data,
			"meta":              schemas.Schema(reflect.TypeFor[Meta](), true, ""),
			"query":             querySchema(schemas),
			"response_time_sec": {Type: huma.TypeNumber, Description: "Time the service took, in seconds"},
		},
		Required: []string{"data", "meta", "query", "response_time_sec"},
	}
}

const schemaPath = "#/components/schemas/"

// rowSchema describes a row as a JSON object.
func rowSchema(form question.Row) *huma.Schema {
	row := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}, AdditionalProperties: false}
	if form.Split() {
		row.AdditionalProperties = &huma.Schema{Type: huma.TypeString, Nullable: true, Description: "Value of a field of the breakdown, or of fields"}
	}
	for _, c := range form.Columns {
		value := columnSchema(c)
		value.Description, value.Nullable = c.Doc, c.Nullable
		row.Properties[c.Name] = value
		row.Required = append(row.Required, c.Name)
	}
	return row
}

func columnSchema(c question.Column) *huma.Schema {
	switch c.Kind {
	case question.Integer:
		return &huma.Schema{Type: huma.TypeInteger, Format: "int64"}
	case question.Number:
		return &huma.Schema{Type: huma.TypeNumber, Format: "double"}
	case question.Bool:
		return &huma.Schema{Type: huma.TypeBoolean}
	case question.JSON:
		if c.Format == question.Array {
			return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}}
		}
		return &huma.Schema{OneOf: []*huma.Schema{{Type: huma.TypeObject, AdditionalProperties: true}, {Type: "null"}}}
	default:
		return &huma.Schema{Type: huma.TypeString, Format: c.Format}
	}
}

// queryName is what generated clients know the answer's query by.
const queryName = "Resolved"

// either describes what is as one of two schemas; a may be nil.
func either(a, b *huma.Schema) *huma.Schema {
	switch {
	case a == nil || reflect.DeepEqual(a, b):
		return b
	case len(a.AnyOf) == 0:
		return &huma.Schema{AnyOf: []*huma.Schema{a, b}}
	case slices.ContainsFunc(a.AnyOf, func(one *huma.Schema) bool { return reflect.DeepEqual(one, b) }):
		return a
	}
	return &huma.Schema{AnyOf: append(slices.Clone(a.AnyOf), b)}
}

// querySchema describes the query in an answer to any question: it has what one of
// the questions has, and requires what all have.
func querySchema(schemas huma.Registry) *huma.Schema {
	if schemas.Map()[queryName] == nil {
		query := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}, AdditionalProperties: false}
		for i, d := range question.All() {
			one := huma.SchemaFromType(schemas, d.Question)
			for name, member := range one.Properties {
				query.Properties[name] = either(query.Properties[name], member)
			}
			if i == 0 {
				query.Required = one.Required
			}
			query.Required = slices.DeleteFunc(slices.Clone(query.Required), func(name string) bool {
				return !slices.Contains(one.Required, name)
			})
		}
		for name, member := range huma.SchemaFromType(schemas, reflect.TypeFor[counting]()).Properties {
			query.Properties[name] = member
		}
		schemas.Map()[queryName] = query
	}
	return &huma.Schema{Ref: schemaPath + queryName}
}
