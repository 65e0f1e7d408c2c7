package question

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/syntax"
)

// DescribeTypes tells the OpenAPI document what the types of package syntax look like,
// which knows nothing of HTTP.
func DescribeTypes(schemas huma.Registry) {
	schemas.RegisterTypeAlias(reflect.TypeFor[syntax.Filter](), reflect.TypeFor[filterSchema]())
	schemas.RegisterTypeAlias(reflect.TypeFor[syntax.Field](), reflect.TypeFor[fieldSchema]())
	schemas.RegisterTypeAlias(reflect.TypeFor[syntax.Series](), reflect.TypeFor[seriesSchema]())
	schemas.RegisterTypeAlias(reflect.TypeFor[syntax.Breakdown](), reflect.TypeFor[breakdownSchema]())
	schemas.RegisterTypeAlias(reflect.TypeFor[syntax.Formula](), reflect.TypeFor[formulaSchema]())
	schemas.RegisterTypeAlias(reflect.TypeFor[syntax.Exclusion](), reflect.TypeFor[exclusionSchema]())
	schemas.RegisterTypeAlias(reflect.TypeFor[syntax.Seconds](), reflect.TypeFor[secondsSchema]())
}

// filterSchema describes a syntax.Filter.
type filterSchema struct{}

// Schema refers to that of filters, which contain filters.
func (filterSchema) Schema(schemas huma.Registry) *huma.Schema {
	return &huma.Schema{Ref: filterRef(schemas)}
}

// filterRef adds the schema of filters to the document, and returns where it is.
func filterRef(schemas huma.Registry) string {
	const ref = "#/components/schemas/Filter"
	if schemas.Map()["Filter"] != nil {
		return ref
	}
	filter := &huma.Schema{Ref: ref}
	filters := func(about string) *huma.Schema {
		most := syntax.MaxConditions
		return &huma.Schema{Type: huma.TypeArray, Items: filter, MaxItems: &most, Description: about}
	}
	fewest, most := float64(0), float64(syntax.MaxTimes)
	object := func(title, name string, value *huma.Schema) *huma.Schema {
		return &huma.Schema{
			Title: title, Type: huma.TypeObject, Properties: map[string]*huma.Schema{name: value},
			Required: []string{name}, AdditionalProperties: false,
		}
	}
	longest := syntax.MaxLength + syntax.MaxRegexp
	all := filters("All must hold; an empty array always holds")
	all.Title = "All"
	schemas.Map()["Filter"] = &huma.Schema{
		Description: "Which events count: at most 8 levels deep, with at most 100 conditions",
		OneOf: []*huma.Schema{
			{
				Title: "Condition", Type: huma.TypeString, MaxLength: &longest,
				Description: "A field, an operator and a value; see the parameter filter of GET",
				Examples:    []any{"properties.country=UA", "properties.price>=100", "event_type:in(purchase,renewal)", "properties.coupon:missing", "properties.path:matches(^/docs/)", "properties.tags:has(new)", "properties.due:since(2025-08-01)", "cohort:paying"},
			},
			all,
			object("Any", string(syntax.Any), filters("At least one must hold; an empty array never holds")),
			object("Not", string(syntax.Not), &huma.Schema{Ref: ref, Description: "Must not hold"}),
			{
				Title: "Did", Type: huma.TypeObject, Required: []string{string(syntax.DidSo)}, AdditionalProperties: false,
				Properties: map[string]*huma.Schema{
					string(syntax.DidSo): doneSchema(filter),
					"times": {Description: "How often: at least so many times, or compared; at least once where it is absent", OneOf: []*huma.Schema{
						{Title: "At least", Type: huma.TypeInteger, Minimum: &fewest, Maximum: &most},
						{Title: "Compared", Type: huma.TypeString, Pattern: `^ *(=|!=|>|>=|<|<=) *[0-9]+ *$`, Examples: []any{">=3", "=0"}},
					}},
					"last": {Type: huma.TypeString, Pattern: `^[0-9]+(d|h|min|s)$`, Description: "Only in so long a time before the end of the range", Examples: []any{"30d", "12h"}},
				},
			},
			{
				Title: "Reached", Type: huma.TypeObject, Required: []string{string(syntax.ReachedSo)}, AdditionalProperties: false,
				Properties: map[string]*huma.Schema{
					string(syntax.ReachedSo): funnelSchema(filter),
					"reached":                stepNumber("Step that the user's best attempt got to, of those that begin in the range; the last one where it is absent"),
					"dropped":                {Type: huma.TypeBoolean, Description: "And no further"},
				},
			},
		},
		Examples: []any{map[string]any{"any": []any{"properties.country=UA", map[string]any{"not": "properties.plan=free"}}}},
	}
	return ref
}
