package engine

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"eventanalytics/pkg/property"
)

// Properties asks which properties the events of a range have, the keys of the object
// itself, and of which kinds their values are.
type Properties struct {
	Scope
	Range
	Types []string // of which an event has one; empty: all
	Limit int      // at least 1
}

// Kinds is a number of events by the kind of a value.
type Kinds [property.Kinds]int64

// PropertyEvents is how many events have a property. They come with the most events
// first, then by name in the order of code points.
type PropertyEvents struct {
	Name   string
	Events int64
	Kinds  Kinds // the same by the kind of the value
	Of     int64 // all events of the scan, with properties or without
}

// Of returns the rows for what an engine has counted: of so many events those that have
// each property.
func (p Properties) Of(ctx context.Context, counted map[string]Kinds, events int64) ([]PropertyEvents, error) {
	all := make([]PropertyEvents, 0, len(counted))
	for name, kinds := range counted {
		one := PropertyEvents{Name: name, Kinds: kinds, Of: events}
		for _, n := range kinds {
			one.Events += n
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b PropertyEvents) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), strings.Compare(a.Name, b.Name))
	})
	result := NewResult[PropertyEvents](ctx)
	for _, one := range all[:min(p.Limit, len(all))] {
		if err := result.Add(one, one.Name); err != nil {
			return nil, err
		}
	}
	return result.Rows, nil
}
