package syntax

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// What the values of all conditions of a question may come to, together. Each becomes a
// constant of a query, which takes DuckDB time to plan that nothing can interrupt.
const (
	MaxValues     = 1_000
	MaxValueBytes = 32 << 10
)

// ParseFilter reads a filter from the text of a parameter: JSON when it begins with a
// brace or bracket, else a condition. Errors are *Error.
func ParseFilter(text string) (Filter, error) { return Everywhere.ParseFilter(text) }

// ParseFilter reads a filter on fields that the grammar has.
func (g Grammar) ParseFilter(text string) (Filter, error) {
	if IsJSON(text) {
		return g.ParseFilterJSON([]byte(text))
	}
	c, err := g.condition(text)
	if err != nil {
		return Filter{}, At("", quoted(text, err))
	}
	return Filter{Form: Holds, Condition: c}, nil
}

// ParseFilterJSON reads a filter from JSON: the text of a condition, an array of filters
// that must all hold, {"any": [filters]}, {"not": filter}, {"did": series} or {"funnel":
// funnel}. Errors are *Error.
func ParseFilterJSON(data []byte) (Filter, error) { return Everywhere.ParseFilterJSON(data) }

// ParseFilterJSON reads a filter on fields that the grammar has.
func (g Grammar) ParseFilterJSON(data []byte) (Filter, error) {
	v, err := valid(data)
	if err != nil {
		return Filter{}, At("", err)
	}
	f, err := g.filterOf(v, MaxDepth)
	if err != nil {
		return Filter{}, err
	}
	return f, At("", Bound(f))
}

// filterOf reads a filter that has at most so many others around its conditions.
func (g Grammar) filterOf(v jsontext.Value, depth int) (Filter, error) {
	kind := v.Kind()
	if depth == 0 && (kind == '[' || kind == '{') {
		return Filter{}, At("", fmt.Errorf("is more than %d levels deep", MaxDepth))
	}
	switch kind {
	case '"':
		text := textOf(v)
		c, err := g.condition(text)
		if err != nil {
			return Filter{}, At("", quoted(text, err))
		}
		return Filter{Form: Holds, Condition: c}, nil
	case '[':
		all, err := g.filtersOf(v, depth-1)
		return And(all...), err
	case '{':
		return g.combined(v, depth-1)
	}
	return Filter{}, At("", notA(v, `a filter: the text of a condition, an array, {"any": […]}, {"not": …}, {"did": …} or {"funnel": …}`))
}

// filtersOf reads an array of filters.
func (g Grammar) filtersOf(v jsontext.Value, depth int) ([]Filter, error) {
	if v.Kind() != '[' {
		return nil, At("", notA(v, "an array of filters"))
	}
	var all []Filter
	for i, one := range elements(v) {
		f, err := g.filterOf(one, depth)
		if err != nil {
			return nil, At(fmt.Sprintf("[%d]", i), err)
		}
		all = append(all, f)
	}
	return all, nil
}

func (g Grammar) combined(v jsontext.Value, depth int) (Filter, error) {
	const any, not, did, funnel = string(Any), string(Not), string(DidSo), string(ReachedSo)
	all, err := members(v, any, not, did, "times", "last", funnel, "reached", "dropped")
	if err != nil {
		return Filter{}, At("", err)
	}
	for _, m := range all {
		switch m.name {
		case did:
			d, err := didOf(v, depth)
			return Filter{Form: DidSo, Did: d}, At("", err)
		case funnel:
			r, err := reachedOf(v, depth)
			return Filter{Form: ReachedSo, Reached: r}, At("", err)
		}
	}
	if len(all) != 1 {
		return Filter{}, At("", fmt.Errorf("has %d members; a filter has one: any, not, did or funnel", len(all)))
	}
	switch m := all[0]; m.name {
	case any:
		of, err := g.filtersOf(m.value, depth)
		return Filter{Form: Any, Of: of}, At("."+any, err)
	case not:
		of, err := g.filterOf(m.value, depth)
		return Filter{Form: Not, Of: []Filter{of}}, At("."+not, err)
	default:
		of := did
		if m.name == "reached" || m.name == "dropped" {
			of = funnel
		}
		return Filter{}, At("."+m.name, errors.New("is there without "+of))
	}
}

// Bound refuses filters that together have too many conditions or values. What a filter
// did says is a condition, and so are those of its series; of a funnel each step and
// exclusion is one, and so are those of its filters.
func Bound(filters ...Filter) error {
	var n size
	for _, f := range filters {
		n.add(f)
	}
	switch {
	case n.conditions > MaxConditions:
		return fmt.Errorf("there are %d conditions together, at most %d are allowed", n.conditions, MaxConditions)
	case n.values > MaxValues:
		return fmt.Errorf("the conditions have %d values together, at most %d are allowed", n.values, MaxValues)
	case n.bytes > MaxValueBytes:
		return fmt.Errorf("the conditions' keys and values have %d bytes together, at most %d are allowed", n.bytes, MaxValueBytes)
	}
	return nil
}

// size is what filters come to.
type size struct{ conditions, values, bytes int }

func (n *size) add(f Filter) {
	switch f.Form {
	case Holds:
		n.conditions++
		n.addValues(f.Condition.Values)
		for _, key := range f.Condition.Field.AtEvent().Keys {
			n.bytes += len(key)
		}
	case DidSo:
		n.conditions++
		n.addValues(f.Did.Series.Events)
		n.add(f.Did.Series.Filter)
	case ReachedSo:
		funnel := &f.Reached.Funnel
		n.conditions += len(funnel.Steps) + len(funnel.Exclude)
		for _, s := range funnel.Steps {
			n.addValues(s.Events)
		}
		for _, x := range funnel.Exclude {
			n.addValues(x.Events)
		}
		for _, one := range funnel.Filters() {
			n.add(one)
		}
	}
	for _, one := range f.Of {
		n.add(one)
	}
}

func (n *size) addValues(values []string) {
	n.values += len(values)
	for _, value := range values {
		n.bytes += len(value)
	}
}

// Conditions yields those of a filter, in their order, without those of what users
// did.
func (f Filter) Conditions(yield func(Condition) bool) { f.each(yield) }

func (f Filter) each(yield func(Condition) bool) bool {
	if f.Form == Holds {
		return yield(f.Condition)
	}
	for _, one := range f.Of {
		if !one.each(yield) {
			return false
		}
	}
	return true
}

// IsZero says whether the filter is the one that holds always.
func (f Filter) IsZero() bool { return f.Form == All && len(f.Of) == 0 }

// MarshalJSON writes the canonical form, which reads as the same filter.
func (f Filter) MarshalJSON() ([]byte, error) {
	switch f.Form {
	case Holds:
		return json.Marshal(f.Condition)
	case Any:
		return json.Marshal(map[Form][]Filter{Any: append([]Filter{}, f.Of...)})
	case Not:
		return json.Marshal(map[Form]Filter{Not: f.Of[0]})
	case DidSo:
		return json.Marshal(f.Did)
	case ReachedSo:
		return json.Marshal(f.Reached)
	}
	return json.Marshal(append([]Filter{}, f.Of...))
}

// UnmarshalJSON reads a filter of any grammar.
func (f *Filter) UnmarshalJSON(data []byte) (err error) {
	*f, err = OfSessions.ParseFilterJSON(data)
	return err
}
