package walk

import (
	"context"
	"iter"
	mathbits "math/bits"

	"eventanalytics/pkg/property"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
)

// kind says where a filter looks, or a field.
type kind uint8

const (
	all        kind = iota // all filters of it hold
	anyOf                  // one of them holds
	not                    // it does not hold
	ofType                 // by the event's type
	ofProperty             // by file and code
	ofRow                  // by file and row
	ofHour                 // by what a clock shows
	ofWeekday              // the same
	ofUser                 // by the user
	ofSeen                 // by when the user was seen first or last
	ofEntry                // at the first event of the session
	ofExit                 // and at the last
	ofSet                  // by whether the user is in a set
)

// filter says whether a syntax.Filter holds for an event.
type filter struct {
	kind  kind
	of    []filter
	holds []bool   // by event type, hour or weekday
	files []passes // by file
	rows  []bits   // by file; nil for one that tells
	set   bits     // of users by key
	test  *syntax.Test
}

// passes are the values of a file that a condition holds for.
type passes struct {
	column
	holds bits // by code
}

// bits are a set of numbers.
type bits []uint64

func newBits(n int) bits { return make(bits, n/64+1) }

func (b bits) set(i int) { b[i/64] |= 1 << (i % 64) }

func (b bits) clear(i uint32) { b[i/64] &^= 1 << (i % 64) }

func (b bits) has(i uint32) bool {
	return int(i/64) < len(b) && b[i/64]&(1<<(i%64)) != 0
}

// all are the numbers, ascending.
func (b bits) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, word := range b {
			for ; word != 0; word &= word - 1 {
				if !yield(64*i + mathbits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}

// pass says whether a filter holds for an event of the reader's user.
func (f *filter) pass(r *reader, e *walk.Event) bool {
	switch f.kind {
	case ofType:
		return f.holds[e.Type]
	case ofProperty:
		file := &f.files[e.File]
		return file.holds.has(file.code(e.At))
	case all:
		for i := range f.of {
			if !f.of[i].pass(r, e) {
				return false
			}
		}
		return true
	case anyOf:
		for i := range f.of {
			if f.of[i].pass(r, e) {
				return true
			}
		}
		return false
	case not:
		return !f.of[0].pass(r, e)
	case ofRow:
		if rows := f.rows[e.File]; rows != nil {
			return rows.has(r.plan.files[e.File].Row(e.At))
		}
		return f.of[0].pass(r, e) // the file tells
	case ofHour:
		return f.holds[r.clock.hour(e.Us)]
	case ofWeekday:
		return f.holds[r.clock.weekday(e.Us)]
	case ofEntry:
		return f.of[0].pass(r, r.entry)
	case ofExit:
		return f.of[0].pass(r, r.exit)
	case ofSet:
		return f.set.has(r.key)
	}
	return false
}

// filter makes a filter ready.
func (p *plan) filter(ctx context.Context, f syntax.Filter) (*filter, error) {
	if files := p.ofRows(f); len(files) > 0 {
		return p.byRow(ctx, f, files)
	}
	switch f.Form {
	default:
		return nil, engine.ErrUnsupported
	case syntax.All, syntax.Any:
	case syntax.Holds:
		return p.condition(ctx, f.Condition)
	case syntax.Not:
		of, err := p.filter(ctx, f.Of[0])
		if err != nil {
			return nil, err
		}
		return negated(of), nil
	}
	var of []filter
	rest := syntax.Filter{Form: f.Form} // what is read from the events, together
	for _, one := range f.Of {
		if len(p.ofRows(one)) > 0 {
			rest.Of = append(rest.Of, one)
			continue
		}
		ready, err := p.filter(ctx, one)
		if err != nil {
			return nil, err
		}
		of = append(of, *ready)
	}
	if len(rest.Of) > 0 {
		ready, err := p.byRow(ctx, rest, p.ofRows(rest))
		if err != nil {
			return nil, err
		}
		of = append(of, *ready)
	}
	return joined(f.Form, of), nil
}

// both holds where each of some filters does; nil always holds.
func both(filters ...*filter) *filter {
	var of []filter
	for _, f := range filters {
		switch {
		case f == nil:
		case f.kind == all:
			of = append(of, f.of...)
		default:
			of = append(of, *f)
		}
	}
	return joined(syntax.All, of)
}

// joined joins filters. Those by event type become one, the first to be looked at.
func joined(form syntax.Form, of []filter) *filter {
	f := &filter{kind: all}
	if form == syntax.Any {
		f.kind = anyOf
	}
	var types []bool
	for _, one := range of {
		switch {
		case one.kind != ofType:
			f.of = append(f.of, one)
		case types == nil:
			types = append(types, one.holds...)
			f.of = append([]filter{{kind: ofType, holds: types}}, f.of...)
		default:
			for i, holds := range one.holds {
				if form == syntax.Any {
					types[i] = types[i] || holds
				} else {
					types[i] = types[i] && holds
				}
			}
		}
	}
	if len(f.of) == 1 {
		return &f.of[0]
	}
	return f
}

func negated(f *filter) *filter {
	if f.kind != ofType {
		return &filter{kind: not, of: []filter{*f}}
	}
	n := &filter{kind: ofType, holds: make([]bool, len(f.holds))}
	for i, holds := range f.holds {
		n.holds[i] = !holds
	}
	return n
}

// types holds for events of some types; none: of all.
func (p *plan) types(names []string) *filter {
	if len(names) == 0 {
		return nil
	}
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	return p.byType(func(name string) bool { return wanted[name] })
}

func (p *plan) byType(holds func(string) bool) *filter {
	f := &filter{kind: ofType}
	for _, name := range p.view.Types() {
		f.holds = append(f.holds, holds(name))
	}
	return f
}

// typesOf are the event types that a filter can hold for; nil: it does not say.
func (f *filter) typesOf() []bool {
	switch {
	case f.kind == ofType:
		return f.holds
	case f.kind == all && len(f.of) > 0:
		return f.of[0].typesOf() // of its filters the one by type is the first
	}
	return nil
}

// options leave out the events of types that a filter cannot hold for.
func (f *filter) options() []walk.Option {
	if types := f.typesOf(); types != nil {
		return []walk.Option{walk.OfTypes(types)}
	}
	return nil
}

// besideTypes is what a filter asks of events that have one of the types that it can hold
// for.
func (f *filter) besideTypes() *filter {
	switch {
	case f.kind == ofType:
		return &filter{kind: all}
	case f.kind == all && len(f.of) > 0 && f.of[0].kind == ofType:
		return &filter{kind: all, of: f.of[1:]}
	}
	return f
}

// condition makes a condition ready. Of files that do not tell the field it says nothing.
func (p *plan) condition(ctx context.Context, c syntax.Condition) (*filter, error) {
	if c.Field.Of != nil {
		return p.ofSession(ctx, c)
	}
	f := &filter{test: c.Test(p.zone)}
	switch c.Field.Source {
	case syntax.EventType:
		return p.byType(f.test.HoldsText), nil
	case syntax.UserID:
		return joined(syntax.Any, nil), nil // no file has events in the period: see unknown
	case syntax.Property:
		f.kind = ofProperty
		return f, p.pass(f, values{p.property(c.Field.Keys[0], p.period), c.Field.Keys[1:]})
	case syntax.UserProperty, syntax.FirstProperty, syntax.FirstSeen, syntax.LastSeen:
		known, err := p.knownOf(ctx, c.Field)
		if err != nil {
			return nil, err
		}
		if err := p.pass(f, known.values); err != nil {
			return nil, err
		}
		f.kind, f.set = ofSet, known.holding(f.test, f.files)
		p.told(c.Field, func(user uint32, value property.Value) {
			if f.set.clear(user); f.test.Holds(value) {
				f.set.set(int(user))
			}
		})
		return f, p.spend(8 * len(f.set))
	case syntax.Cohort:
		return p.inSet(engine.Scope{Zone: p.zone, Sets: p.sets}.Holding(c)), nil
	case syntax.Hour:
		f.kind, f.holds = ofHour, make([]bool, 24)
	case syntax.Weekday:
		f.kind, f.holds = ofWeekday, make([]bool, 8)
	default:
		return nil, engine.ErrUnsupported
	}
	for n := range f.holds {
		f.holds[n] = f.test.HoldsInteger(int64(n))
	}
	return f, nil
}

// inSet holds for the events of users in a set.
func (p *plan) inSet(s engine.Set) *filter {
	f := &filter{kind: ofSet, set: s.Users.ToDense()}
	if s.Except {
		return negated(f)
	}
	return f
}

// ofSession makes a condition on the first or last event of a session ready.
func (p *plan) ofSession(ctx context.Context, c syntax.Condition) (*filter, error) {
	at := map[syntax.Source]kind{syntax.Entry: ofEntry, syntax.Exit: ofExit}[c.Field.Source]
	c.Field = *c.Field.Of
	of, err := p.filter(ctx, syntax.Filter{Form: syntax.Holds, Condition: c})
	if err != nil {
		return nil, err
	}
	return &filter{kind: at, of: []filter{*of}}, nil
}

// pass evaluates a condition for each value that files have.
func (p *plan) pass(f *filter, v values) error {
	f.files = make([]passes, len(v.columns))
	holds := func(value property.Value) (bool, error) { return f.test.Holds(value), nil }
	return distinct(v, holds, func(file int, codes []bool) error {
		f.files[file] = passes{v.columns[file], newBits(len(codes))}
		for code, holds := range codes {
			if holds {
				f.files[file].holds.set(code)
			}
		}
		return p.spend(len(codes) / 8)
	})
}

// ofRows are the files that do not tell a filter that is on what events have themselves.
func (p *plan) ofRows(f syntax.Filter) (files []int) {
	missing := newBits(len(p.files))
	for c := range f.Conditions {
		switch c.Field.Source {
		case syntax.EventType:
		case syntax.Property, syntax.UserID:
			for _, i := range p.unknown(c.Field, p.period) {
				missing.set(i)
			}
		default:
			return nil // its parts are looked at one by one
		}
	}
	for i := range p.files {
		if missing.has(uint32(i)) {
			files = append(files, i)
		}
	}
	return files
}

// byRow makes a filter ready of which some files do not tell whether it holds: of these
// the rows are read for which it does.
func (p *plan) byRow(ctx context.Context, f syntax.Filter, files []int) (*filter, error) {
	if p.rows == nil {
		return nil, engine.ErrUnsupported
	}
	sets, err := p.rows.Holding(ctx, files, p.period, p.zone, f)
	if err != nil {
		return nil, err
	}
	ready := &filter{kind: ofRow, rows: make([]bits, len(p.files))}
	for i, at := range files {
		ready.rows[at] = sets[i].ToDense()
		if ready.rows[at] == nil {
			ready.rows[at] = bits{}
		}
		if err := p.spend(8 * len(ready.rows[at])); err != nil {
			return nil, err
		}
	}
	known, err := p.toldByFiles(f)
	if err != nil {
		return nil, err
	}
	ready.of = []filter{*known}
	return ready, nil
}

// toldByFiles makes a filter ready for the files that tell whether it holds.
func (p *plan) toldByFiles(f syntax.Filter) (*filter, error) {
	if f.Form == syntax.Holds {
		if f.Condition.Field.Source == syntax.UserID {
			return joined(syntax.Any, nil), nil // no file does
		}
		return p.condition(context.Background(), f.Condition)
	}
	var of []filter
	for _, one := range f.Of {
		ready, err := p.toldByFiles(one)
		if err != nil {
			return nil, err
		}
		of = append(of, *ready)
	}
	if f.Form == syntax.Not {
		return negated(&of[0]), nil
	}
	return joined(f.Form, of), nil
}
