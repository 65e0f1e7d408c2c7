package walk

import (
	"context"
	"fmt"
	"math"

	"eventanalytics/pkg/property"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
)

// known is what is known of each user at the end of a history: the last value of a
// property, or the first, or when the user was seen.
type known struct {
	values         // that codes stand for
	codes  []place // by user
	us     []int64 // by user: of the first or last event, or never
}

// place is a code of a file. The zero value is none.
type place struct{ file, code uint32 } // file from 1

// never is the instant of users who have no event.
const never = math.MinInt64

// knownOf finds out what is known of users. Scans of one question share it.
func (p *plan) knownOf(ctx context.Context, f syntax.Field) (*known, error) {
	key := fmt.Sprintf("%s %q %d", f.Source, f.Keys, p.until)
	if k, ok := p.engine.known[key]; ok {
		return k, nil
	}
	k := &known{}
	history := walk.Period{From: math.MinInt64, To: p.until}
	find := k.seen
	if f.Source == syntax.UserProperty || f.Source == syntax.FirstProperty {
		var err error
		if k.values, err = p.values(ctx, syntax.Field{Source: syntax.Property, Keys: f.Keys}, history); err != nil {
			return nil, err
		}
		find = k.find
	}
	if err := p.spend(8 * int(p.view.Users())); err != nil {
		return nil, err
	}
	first := f.Source == syntax.FirstProperty || f.Source == syntax.FirstSeen
	err := p.engine.do(ctx, func(ctx context.Context) error {
		return find(ctx, p, history, first)
	})
	if err != nil {
		return nil, err
	}
	for _, bytes := range []int{8 * int(p.view.Users()), k.bytes()} { // each was within its own bounds
		kept := engine.NewKeptBudget(ctx)
		if err := kept.Spend(bytes); err != nil {
			return nil, unsupported(err)
		}
	}
	if p.engine.known == nil {
		p.engine.known = map[string]*known{}
	}
	p.engine.known[key] = k
	return k, nil
}

// seen finds the instants at which users were seen.
func (k *known) seen(ctx context.Context, p *plan, history walk.Period, first bool) error {
	k.us = make([]int64, p.view.Users())
	for user := range k.us {
		k.us[user] = never
	}
	all := func(*walk.Event) bool { return true }
	found := func(user uint32, e *walk.Event) { k.us[user] = e.Us }
	return p.view.Ends(ctx, history, first, all, found, walk.Grow(p.hold))
}

// find finds the values of a property.
func (k *known) find(ctx context.Context, p *plan, history walk.Period, first bool) error {
	var has [][]bool // by file and code, whether that is a value; nil: all but 0
	if len(k.keys) > 0 {
		has = make([][]bool, len(k.columns))
		some := func(value property.Value) (bool, error) { return !value.Missing(), nil }
		err := distinct(k.values, some, func(file int, codes []bool) error {
			has[file] = codes
			return nil
		})
		if err != nil {
			return err
		}
	}
	tells := func(e *walk.Event) bool {
		code := k.columns[e.File].code(e.At)
		if has != nil {
			return has[e.File][code]
		}
		return code != 0
	}
	k.codes = make([]place, p.view.Users())
	found := func(user uint32, e *walk.Event) {
		k.codes[user] = place{e.File + 1, k.columns[e.File].code(e.At)}
	}
	return p.view.Ends(ctx, history, first, tells, found, walk.Grow(p.hold))
}

// ids are the numbers of users' values: of says which a code of a file has.
func (k *known) ids(of []coded) []uint32 {
	ids := make([]uint32, len(k.codes))
	for user, at := range k.codes {
		if at.file > 0 {
			ids[user] = of[at.file-1].ids[at.code]
		}
	}
	return ids
}

// holding returns the users for whom a condition holds: of says for which codes of a file
// it does.
func (k *known) holding(test *syntax.Test, of []passes) bits {
	users := newBits(max(len(k.codes), len(k.us)))
	for user, us := range k.us {
		if us == never && test.Op == syntax.Missing || us != never && test.HoldsInstant(us) {
			users.set(user)
		}
	}
	for user, at := range k.codes {
		if at.file == 0 && test.Op == syntax.Missing || at.file > 0 && of[at.file-1].holds.has(at.code) {
			users.set(user)
		}
	}
	return users
}

// told calls put with what operations say of users of the view, whatever their events say.
func (p *plan) told(f syntax.Field, put func(user uint32, value property.Value)) {
	told := p.said.Of(f)
	if told == nil {
		return
	}
	told.Each(func(user uint32, value property.Value) {
		if user < p.view.Users() {
			put(user, value)
		}
	})
}
