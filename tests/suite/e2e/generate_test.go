package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

// generator makes values of schemas.
type generator struct {
	rand       *rand.Rand
	known      object   // values by the name of the parameter or member
	without    []string // what the operation refuses, though the document has it
	everything bool     // with all that is optional
}

func (g *generator) oneOf(values ...string) string { return values[g.rand.IntN(len(values))] }

// needed are required though the document cannot say so: another grant will do, a cursor
// is of an order, a stream would last for an hour, or a question has no other begin.
var needed = []string{"username", "password", "sort", "for", "since"}

// leftOut are other names, what makes an answer wait, and what excludes a default.
var leftOut = []string{"from_date", "to_date", "properties_json", "min_position", "brackets", "bins"}

// wanted decides about what is optional.
func (g *generator) wanted(name string) bool {
	switch {
	case slices.Contains(needed, name):
		return true
	case slices.Contains(leftOut, name), slices.Contains(g.without, name):
		return false
	}
	return g.everything || g.rand.IntN(2) == 0
}

// value makes one that the schema allows.
func (g *generator) value(name string, s *openapi3.Schema) any {
	known, ok := g.known[name]
	switch {
	case ok && s.Type.Is("array"):
		return []any{known}
	case ok && s.VisitJSON(known) == nil:
		return known
	case len(s.OneOf) > 0:
		return g.value("", s.OneOf[g.rand.IntN(len(s.OneOf))].Value)
	case len(s.Enum) > 0:
		return s.Enum[g.rand.IntN(len(s.Enum))]
	case s.Type.Permits("integer"):
		least, most := bounds(s)
		return float64(least + g.rand.IntN(most-least+1))
	case s.Type.Permits("boolean"):
		return g.rand.IntN(2) == 0
	case s.Type.Permits("string"):
		return g.text(s)
	case s.Type.Permits("array"):
		return []any{g.value("", s.Items.Value)}
	case s.Type.Permits("object"):
		o := object{}
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			if slices.Contains(s.Required, name) || g.wanted(name) {
				o[name] = g.value(name, s.Properties[name].Value)
			}
		}
		return o
	}
	return nil
}

// bounds of an integer; without any, something small.
func bounds(s *openapi3.Schema) (least, most int) {
	least, most = 1, 50
	if s.Min != nil {
		least = int(*s.Min)
	}
	if s.Max != nil {
		most = int(*s.Max)
	}
	return least, most
}

func (g *generator) text(s *openapi3.Schema) string {
	const letters = "abcdefghijklmnopqrstuvwxyzäß語😀 -_'\"<>%&+"
	alphabet := []rune(letters)
	most := 20
	if s.MaxLength != nil {
		most = min(most, int(*s.MaxLength))
	}
	b := []rune{'a'} // not all spaces
	for len(b) < 1+g.rand.IntN(most) {
		b = append(b, alphabet[g.rand.IntN(len(alphabet))])
	}
	return string(b)
}

// wrongTexts are texts of a parameter that its schema does not allow; more than
// one of them repeat it.
func wrongTexts(p *openapi3.Parameter) (all [][]string) {
	s := p.Schema.Value
	add := func(texts ...string) {
		for _, text := range texts {
			all = append(all, []string{text})
		}
	}
	switch {
	case s.Type.Is("integer"):
		add("x", "1.5", "NaN", "1e9", "0x1", "99999999999999999999")
		if s.Min != nil {
			add(strconv.Itoa(int(*s.Min) - 1))
		}
		if s.Max != nil {
			add(strconv.Itoa(int(*s.Max) + 1))
		}
	case s.Type.Is("boolean"):
		add("maybe", "2")
	case s.Type.Is("array") && s.MaxItems != nil:
		all = append(all, slices.Repeat([]string{"event_type:x"}, int(*s.MaxItems)+1))
	}
	if len(s.Enum) > 0 {
		add("surplus", strings.ToUpper(plain(s.Enum[0])))
	}
	if s.Format == "date" {
		add("2025-13-01", "yesterday", "2025-8-1", "2025-08-01T00:00:00Z")
	}
	if s.MinLength > 0 && p.In == "query" {
		add("")
	}
	if s.MaxLength != nil {
		add(strings.Repeat("x", int(*s.MaxLength)+1))
	}
	if p.In == "query" && !s.Type.Is("array") && p.Name != "Idempotency-Key" {
		all = append(all, []string{"1", "1"})
	}
	if p.Name == "event_id" {
		add("x", "00000000-0000-0000-0000-00000000000g")
	}
	return all
}

// mutation is a value with one mistake.
type mutation struct {
	what  string
	value any
}

// mutations are the values a schema does not allow that differ from v in one
// place.
func mutations(s *openapi3.Schema, v any) (all []mutation) {
	for _, wrong := range wrongValues(s) {
		all = append(all, mutation{fmt.Sprintf("%.60v", wrong), wrong})
	}
	switch v := v.(type) {
	case object:
		members := branch(s, v)
		if members.AdditionalProperties.Schema == nil { // it has no others
			all = append(all, mutation{"surplus member", changed(v, "surplus", 1)})
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if slices.Contains(members.Required, name) || slices.Contains(needed, name) {
				without := maps.Clone(v)
				delete(without, name)
				all = append(all, mutation{"no " + name, without})
			}
			if member := members.Properties[name]; member != nil {
				for _, m := range mutations(member.Value, v[name]) {
					if m.value == nil && !slices.Contains(members.Required, name) || name == "grant_type" && m.value == "" {
						continue // it is taken for none
					}
					all = append(all, mutation{name + ": " + m.what, changed(v, name, m.value)})
				}
			}
		}
	case []any:
		if len(v) == 0 { // values of SQL, as many as it names
			break
		}
		for _, m := range mutations(branch(s, v).Items.Value, v[0]) {
			all = append(all, mutation{"item " + m.what, []any{m.value}})
		}
	}
	return all
}

// branch is the one of a schema's alternatives that allows v.
func branch(s *openapi3.Schema, v any) *openapi3.Schema {
	for _, one := range s.OneOf {
		if one.Value.VisitJSON(v) == nil {
			return one.Value
		}
	}
	return s
}

func changed(o object, name string, value any) object {
	o = maps.Clone(o)
	o[name] = value
	return o
}

// wrongValues are values that a schema does not allow.
func wrongValues(s *openapi3.Schema) []any {
	values := []any{nil, true, 7.0, -1.0, 1.5, 1e300, "", "surplus", []any{}, []any{7.0}, object{}, object{"surplus": 1.0}}
	if s.Min != nil {
		values = append(values, *s.Min-1)
	}
	if s.Max != nil {
		values = append(values, *s.Max+1)
	}
	if s.MaxLength != nil {
		values = append(values, strings.Repeat("я", int(*s.MaxLength)+1))
	}
	for _, one := range s.OneOf {
		if most := one.Value.MaxItems; most != nil {
			values = append(values, slices.Repeat([]any{"event_type:x"}, int(*most)+1))
		}
	}
	wrong := slices.DeleteFunc(values, func(v any) bool { return s.VisitJSON(v) == nil })
	switch s.Format { // which VisitJSON takes for comments
	case "date":
		wrong = append(wrong, "2025-13-01", "yesterday")
	case "uuid":
		wrong = append(wrong, "surplus", "00000000-0000-0000-0000-000000000000")
	}
	return wrong
}

func jsonText(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

// plain writes a value as a parameter, plains one that may be repeated.
func plain(v any) string {
	if n, ok := v.(float64); ok {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

func plains(v any) []string {
	list, ok := v.([]any)
	if !ok {
		return []string{plain(v)}
	}
	var all []string
	for _, one := range list {
		all = append(all, plain(one))
	}
	return all
}
