package oracle

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Breakdown splits events by the value of a field.
type Breakdown struct {
	Field Field
	Bins  []string // JSON numbers, ascending: edges between which numbers fall; none: by each value
}

// Split is how a question is broken down.
type Split struct {
	Breakdown []Breakdown
	Top       int  // combinations of values that are groups
	Other     bool // the others are one together
	Total     bool // all events are another
}

// value is the text by which an event is grouped; nil is missing.
func (b Breakdown) value(k known, e Event) *string {
	if len(b.Bins) == 0 {
		if text, ok := k.text(b.Field, e); ok {
			return &text
		}
		return nil
	}
	number, ok := k.number(b.Field, e)
	if !ok {
		return nil
	}
	var label string
	last := len(b.Bins) - 1
	switch {
	case number.Cmp(rational(b.Bins[0])) < 0:
		label = "<" + canonical(b.Bins[0])
	case number.Cmp(rational(b.Bins[last])) >= 0:
		label = ">=" + canonical(b.Bins[last])
	default:
		i := last - 1
		for number.Cmp(rational(b.Bins[i])) < 0 {
			i--
		}
		label = fmt.Sprintf("[%s,%s)", canonical(b.Bins[i]), canonical(b.Bins[i+1]))
	}
	return &label
}

// values are the texts of all fields.
func (s Split) values(k known, e Event) []*string {
	values := make([]*string, len(s.Breakdown))
	for i, b := range s.Breakdown {
		values[i] = b.value(k, e)
	}
	return values
}

// Group is one of the groups of a breakdown.
type Group struct {
	Name   string    // value, other or all; empty without a breakdown
	Values []*string // nil is missing; of other and all each is
}

// combination is a text for each combination of values.
func combination(values []*string) (key string) {
	for _, v := range values {
		if v == nil {
			key += "missing "
		} else {
			key += fmt.Sprintf("%q ", *v)
		}
	}
	return key
}

// compareValues compares values by code points, missing ones last.
func compareValues(a, b []*string) int {
	return slices.CompareFunc(a, b, func(x, y *string) int {
		switch {
		case x == nil || y == nil:
			return map[bool]int{true: 1}[x == nil] - map[bool]int{true: 1}[y == nil]
		default:
			return cmp.Compare(*x, *y)
		}
	})
}

// groups returns the groups of a question in their order: by size, which is null last,
// then by values. The combinations are of the events in the range; those of them that
// only lie before, in the buckets that rolling reads, or in the compared range, belong
// to other, when that exists.
func (s Split) groups(combinations [][]*string, size func(values []*string) *float64) []Group {
	if len(s.Breakdown) == 0 {
		return []Group{{}}
	}
	of := map[string]Group{}
	sizes := map[string]float64{}
	for _, values := range combinations {
		key := combination(values)
		if _, ok := of[key]; ok {
			continue
		}
		of[key], sizes[key] = Group{"value", values}, math.Inf(-1)
		if n := size(values); n != nil {
			sizes[key] = *n
		}
	}
	var sorted []Group
	for _, g := range of {
		sorted = append(sorted, g)
	}
	slices.SortFunc(sorted, func(a, b Group) int {
		return cmp.Or(cmp.Compare(sizes[combination(b.Values)], sizes[combination(a.Values)]), compareValues(a.Values, b.Values))
	})
	groups := sorted[:min(s.Top, len(sorted))]
	none := make([]*string, len(s.Breakdown))
	if s.Other && len(sorted) > s.Top {
		groups = append(slices.Clone(groups), Group{"other", none})
	}
	if s.Total {
		groups = append(slices.Clone(groups), Group{"all", none})
	}
	return groups
}

// has says whether a combination of values belongs to the i-th of the groups.
func has(groups []Group, i int, key string) bool {
	is := func(g Group) bool { return g.Name == "value" && combination(g.Values) == key }
	switch groups[i].Name {
	case "value":
		return is(groups[i])
	case "other":
		return !slices.ContainsFunc(groups, is)
	}
	return true
}
