package live

import (
	"slices"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/property"
	"eventanalytics/pkg/syntax"
)

// Test says whether a filter holds for an event.
type Test func(*event.Event) bool

// TestOf makes a test of a filter. ok is false for one that is about more than an event
// has in itself: about its user, or what the clock showed.
func TestOf(f syntax.Filter, zone *calendar.Zone) (test Test, ok bool) {
	if f.Form == syntax.Holds {
		return condition(f.Condition, zone)
	}
	tests := make([]Test, len(f.Of))
	for i, one := range f.Of {
		if tests[i], ok = TestOf(one, zone); !ok {
			return nil, false
		}
	}
	holds := func(e *event.Event) func(Test) bool { return func(t Test) bool { return t(e) } }
	fails := func(e *event.Event) func(Test) bool { return func(t Test) bool { return !t(e) } }
	switch f.Form {
	case syntax.All:
		return func(e *event.Event) bool { return !slices.ContainsFunc(tests, fails(e)) }, true
	case syntax.Any:
		return func(e *event.Event) bool { return slices.ContainsFunc(tests, holds(e)) }, true
	case syntax.Not:
		return func(e *event.Event) bool { return !slices.ContainsFunc(tests, holds(e)) }, true
	}
	return nil, false
}

func condition(c syntax.Condition, zone *calendar.Zone) (Test, bool) {
	t := c.Test(zone)
	switch c.Field.Source {
	case syntax.EventType:
		return func(e *event.Event) bool { return t.HoldsText(e.Type) }, true
	case syntax.UserID:
		return func(e *event.Event) bool { return t.HoldsText(e.UserID) }, true
	case syntax.Property:
		return func(e *event.Event) bool { return t.Holds(property.Find(e.Properties, c.Field.Keys)) }, true
	}
	return nil, false
}
