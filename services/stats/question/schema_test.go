package question

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/syntax"
)

// TestSchemas validates what package syntax writes, and the examples, by the schemas.
func TestSchemas(t *testing.T) {
	t.Parallel()
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	DescribeTypes(schemas)
	valid := func(of reflect.Type, text string) bool {
		var v any
		require.NoError(t, json.Unmarshal([]byte(text), &v), text)
		s := schemas.Schema(of, true, "")
		var precompute func(*huma.Schema)
		precompute = func(s *huma.Schema) {
			s.PrecomputeMessages()
			for _, one := range s.OneOf {
				precompute(one)
			}
		}
		precompute(s)
		for _, one := range schemas.Map() {
			precompute(one)
		}
		result := &huma.ValidateResult{}
		huma.Validate(schemas, s, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, v, result)
		return len(result.Errors) == 0
	}
	for text, of := range map[string]reflect.Type{
		`{"not":{"any":["a=1",["b=2",[]]]}}`: reflect.TypeFor[syntax.Filter](),
		`["properties.a=1"]`:                 reflect.TypeFor[syntax.Filter](),
		`"properties.a.b"`:                   reflect.TypeFor[syntax.Field](),
		`"cohort:pay-1"`:                     reflect.TypeFor[syntax.Field](),
		`{"did":"a"}`:                        reflect.TypeFor[syntax.Filter](),
		`{"not":{"did":{"event":["a","b"],"filter":{"did":"c","times":2},"first":true},"times":">=3","last":"30d"}}`: reflect.TypeFor[syntax.Filter](),
		`"purchase"`: reflect.TypeFor[syntax.Series](),
		`{"event":["a","b"],"filter":{"not":"user_id=1"},"measure":"sum(properties.a)","rolling":7,"name":"N"}`: reflect.TypeFor[syntax.Series](),
		`{"field":"properties.price","bins":[0,10]}`:                                                            reflect.TypeFor[syntax.Breakdown](),
		`"time.hour"`:                     reflect.TypeFor[syntax.Breakdown](),
		`"(A-B)/A"`:                       reflect.TypeFor[syntax.Formula](),
		`{"formula":"A/B","name":"Rate"}`: reflect.TypeFor[syntax.Formula](),
	} {
		require.True(t, valid(of, text), "%s %s", of, text)
	}
	for text, of := range map[string]reflect.Type{
		`{"or":[]}`: reflect.TypeFor[syntax.Filter](), `{"any":["a=1"],"not":"b=2"}`: reflect.TypeFor[syntax.Filter](), `{"not":{"any":[1]}}`: reflect.TypeFor[syntax.Filter](),
		`{"did":1}`: reflect.TypeFor[syntax.Filter](), `{"times":1}`: reflect.TypeFor[syntax.Filter](), `{"did":"a","times":"3"}`: reflect.TypeFor[syntax.Filter](), `{"did":{"measure":"users"}}`: reflect.TypeFor[syntax.Filter](),
		`{"did":"a","last":30}`: reflect.TypeFor[syntax.Filter](), `"cohort:"`: reflect.TypeFor[syntax.Field](), `{"did":"a","any":[]}`: reflect.TypeFor[syntax.Filter](),
		`"country"`: reflect.TypeFor[syntax.Field](), `{"measure":"total"}`: reflect.TypeFor[syntax.Series](), `{"rolling":1}`: reflect.TypeFor[syntax.Series](), `{"filter":1}`: reflect.TypeFor[syntax.Series](),
		`{"bins":[1]}`: reflect.TypeFor[syntax.Breakdown](), `"a^2"`: reflect.TypeFor[syntax.Formula](),
	} {
		require.False(t, valid(of, text), "%s %s", of, text)
	}
}
