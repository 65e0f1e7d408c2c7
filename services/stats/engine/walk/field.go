package walk

import (
	"context"
	"fmt"
	"sync"

	"eventanalytics/pkg/decimal"
	"eventanalytics/pkg/property"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
)

// field says which value events have: under numbers from 1, 0 for none.
type field struct {
	kind  kind
	texts *texts    // of the values
	ids   []uint32  // by event type, hour or weekday
	files []coded   // by file
	users []uint32  // by user
	known *known    // when users were seen
	set   *filter   // that the user is in the set
	in    [2]uint32 // where it does not hold, and where it does

	mu   sync.Mutex       // of instants: they are numbered when users have them
	seen map[int64]uint32 // and of texts, for first_seen and last_seen
}

// coded are the values of a file by code.
type coded struct {
	column
	ids []uint32
}

// maxInstants is how many instants of users a field numbers.
const maxInstants = 200_000

// id returns the value at an event of the reader's user.
func (f *field) id(r *reader, e *walk.Event) uint32 {
	switch f.kind {
	case ofProperty:
		file := &f.files[e.File]
		return file.ids[file.code(e.At)]
	case ofType:
		return f.ids[e.Type]
	case ofHour:
		return f.ids[r.clock.hour(e.Us)]
	case ofWeekday:
		return f.ids[r.clock.weekday(e.Us)]
	case ofUser:
		return f.users[r.key]
	case ofSet:
		if f.set.pass(r, e) {
			return f.in[1]
		}
		return f.in[0]
	}
	return f.instant(r)
}

// find returns the number of a value. ok is false when no event has it.
func (f *field) find(t engine.Text) (id uint32, ok bool) {
	if t.Missing {
		return 0, true
	}
	if f.seen != nil {
		return f.texts.id(t.Value), true // some user may
	}
	id, ok = f.texts.ids[t.Value]
	return id, ok
}

// instant returns the number of the instant of the first or last event of the user.
func (f *field) instant(r *reader) uint32 {
	us := f.known.us[r.key]
	if us == never || f.seen == nil {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	id, ok := f.seen[us]
	if !ok {
		if len(f.seen) == maxInstants {
			r.err = unsupported(engine.ErrTooLarge)
			return 0
		}
		id = f.texts.id(engine.TextOfInstant(us))
		f.seen[us] = id
	}
	return id
}

// meaning says what is made of a value.
type meaning func(property.Value) (text string, ok bool)

// field makes the texts of a field ready. Scans of one question share those of what events
// have themselves, as long as they are within the bounds of one: a breakdown is asked for
// its first groups, and then for these.
func (p *plan) field(ctx context.Context, f syntax.Field) (*field, error) {
	if f.Source != syntax.Property && f.Source != syntax.UserID {
		return p.fieldAs(ctx, f, engine.TextOf)
	}
	key := keyed{fmt.Sprintf("%s %q", f.Source, f.Keys), p.period}
	if made, ok := p.engine.fields.all[key]; ok {
		return made, nil
	}
	made, err := p.fieldAs(ctx, f, engine.TextOf)
	if err != nil {
		return nil, err
	}
	return made, unsupported(p.engine.fields.keep(ctx, key, made))
}

// keptFields are the fields of a question's scans.
type keptFields struct {
	all   map[keyed]*field
	bytes int
}

func (k *keptFields) keep(ctx context.Context, key keyed, f *field) error {
	bytes := f.bytes()
	if k.bytes+bytes > engine.MaxBytes {
		return nil
	}
	budget := engine.NewKeptBudget(ctx)
	if err := budget.Spend(bytes); err != nil {
		return err
	}
	if k.bytes += bytes; k.all == nil {
		k.all = map[keyed]*field{}
	}
	k.all[key] = f
	return nil
}

// bytes is what the texts of what events have themselves take.
func (f *field) bytes() (n int) {
	for _, text := range f.texts.all {
		n += textBytes + len(text)
	}
	for i := range f.files {
		n += f.files[i].bytes() + 4*len(f.files[i].ids)
	}
	return n
}

// breakdown makes what events are sorted by ready.
func (p *plan) breakdown(ctx context.Context, b syntax.Breakdown) (*field, error) {
	if len(b.Bins) == 0 {
		return p.field(ctx, b.Field)
	}
	return p.fieldAs(ctx, b.Field, func(v property.Value) (string, bool) {
		if !v.IsNumber() {
			return "", false
		}
		n, ok := decimal.Parse(v.JSON())
		return b.Bin(n), ok
	})
}

func (p *plan) fieldAs(ctx context.Context, of syntax.Field, as meaning) (*field, error) {
	f := &field{texts: newTexts()}
	add := func(v property.Value) uint32 {
		text, ok := as(v)
		if !ok {
			return 0
		}
		return f.texts.id(text)
	}
	switch of.Source {
	case syntax.EventType:
		f.kind = ofType
		for _, name := range p.view.Types() {
			f.ids = append(f.ids, add(property.OfText(name)))
		}
	case syntax.Hour, syntax.Weekday:
		f.kind = map[syntax.Source]kind{syntax.Hour: ofHour, syntax.Weekday: ofWeekday}[of.Source]
		for n := range int64(24) {
			f.ids = append(f.ids, add(property.OfInteger(n)))
		}
	case syntax.FirstSeen, syntax.LastSeen:
		f.kind = ofSeen
		var err error
		if f.known, err = p.knownOf(ctx, of); err != nil {
			return nil, err
		}
		if _, isText := as(property.OfText("")); isText {
			f.seen = map[int64]uint32{}
		}
	case syntax.Cohort:
		f.kind, f.set = ofSet, p.inSet(p.sets[of.Name])
		f.in = [2]uint32{add(engine.InSet(false)), add(engine.InSet(true))}
	case syntax.Property, syntax.UserID:
		f.kind = ofProperty
		v, err := p.values(ctx, of, p.period)
		if err != nil {
			return nil, err
		}
		return f, p.code(f, v, add)
	case syntax.UserProperty, syntax.FirstProperty:
		known, err := p.knownOf(ctx, of)
		if err != nil {
			return nil, err
		}
		if err := p.code(f, known.values, add); err != nil {
			return nil, err
		}
		f.kind, f.users = ofUser, known.ids(f.files)
		p.told(of, func(user uint32, value property.Value) { f.users[user] = add(value) })
		return f, p.spend(4 * len(f.users))
	default:
		return nil, engine.ErrUnsupported
	}
	return f, nil
}

// textBytes is what a text takes among others, beside itself.
const textBytes = 64

// code numbers the values that files have.
func (p *plan) code(f *field, v values, add func(property.Value) uint32) error {
	f.files = make([]coded, len(v.columns))
	longest := 0
	for i := range f.files {
		longest = max(longest, v.columns[i].len())
	}
	f.texts.expect(longest)
	for i := range f.files {
		f.files[i] = coded{v.columns[i], []uint32{0}}
	}
	room := memory{budget: p.budget} // many texts at a time: they are no rows
	number := func(value property.Value) (uint32, error) {
		before := len(f.texts.all)
		id := add(value)
		if len(f.texts.all) > before {
			return id, unsupported(room.spend(textBytes + len(f.texts.all[id])))
		}
		return id, nil
	}
	return distinct(v, number, func(file int, ids []uint32) error {
		f.files[file] = coded{v.columns[file], ids}
		return p.spend(4 * len(ids))
	})
}
