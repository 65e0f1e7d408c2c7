package walk

import (
	"context"
	"slices"

	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/walk"
)

// sessionTest is the filter of sessions whose events may be of several users. The entry and
// exit are not at hand where an event is visited, so that it is noted of each event which
// conditions hold for it, whether as itself, as an entry or as an exit.
type sessionTest struct {
	form syntax.Form // Holds: a condition, by its bit
	of   []sessionTest
	bit  int
	at   syntax.Source // Entry or Exit; else the event itself
}

// holding are conditions that hold for an event, as bits: there are at most
// syntax.MaxConditions.
type holding [2]uint64

func (h holding) has(bit int) bool { return h[bit/64]>>(bit%64)&1 != 0 }

// sessionFilter makes a filter ready, and the conditions that it notes of each event.
func (p *plan) sessionFilter(ctx context.Context, f syntax.Filter) (t sessionTest, conditions []*filter, err error) {
	var visit func(f syntax.Filter) (sessionTest, error)
	visit = func(f syntax.Filter) (sessionTest, error) {
		t := sessionTest{form: f.Form}
		whole := f.Form == syntax.Holds
		if !whole && !looksAtEnds(f) {
			for range f.Conditions {
				whole = true // and nothing to take apart
				break
			}
		}
		if whole {
			t.form, t.bit = syntax.Holds, len(conditions)
			if of := f.Condition.Field.Of; f.Form == syntax.Holds && of != nil {
				t.at = f.Condition.Field.Source
				f.Condition.Field = *of
			}
			ready, err := p.filter(ctx, f)
			conditions = append(conditions, ready)
			return t, err
		}
		for _, one := range f.Of {
			of, err := visit(one)
			if err != nil {
				return t, err
			}
			t.of = append(t.of, of)
		}
		return t, nil
	}
	t, err = visit(f)
	return t, conditions, err
}

// looksAtEnds says whether a filter looks at the entry or exit of sessions.
func looksAtEnds(f syntax.Filter) bool {
	for c := range f.Conditions {
		if c.Field.Of != nil {
			return true
		}
	}
	return false
}

// holdingOf notes which conditions hold for an event.
func holdingOf(conditions []*filter, r *reader, e *walk.Event) (h holding) {
	for bit, c := range conditions {
		if c.pass(r, e) {
			h[bit/64] |= 1 << (bit % 64)
		}
	}
	return h
}

// pass says whether the filter holds for an event of a session.
func (t *sessionTest) pass(own, entry, exit holding) bool {
	pass := func(of sessionTest) bool { return of.pass(own, entry, exit) }
	switch t.form {
	case syntax.Holds:
		switch t.at {
		case syntax.Entry:
			return entry.has(t.bit)
		case syntax.Exit:
			return exit.has(t.bit)
		}
		return own.has(t.bit)
	case syntax.Not:
		return !pass(t.of[0])
	case syntax.Any:
		return slices.ContainsFunc(t.of, pass)
	}
	return !slices.ContainsFunc(t.of, func(of sessionTest) bool { return !pass(of) })
}
