package walk

import (
	"context"
	"math"
	"slices"

	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/walk"
)

// known finds the event of a user's history that tells a property of the user: the last
// that has it, or the first.
type known struct {
	field syntax.Field
	values
	has [][]bool // by file and code, whether that is a value; nil: all but 0
}

// knownOf makes the finder of a user's property. Those of one property are the same.
func (p *plan) knownOf(ctx context.Context, f syntax.Field) (int, error) {
	for i, k := range p.known {
		if k.field.Source == f.Source && slices.Equal(k.field.Keys, f.Keys) {
			return i, nil
		}
	}
	of := syntax.Field{Source: syntax.Property, Keys: f.Keys}
	v, err := p.values(ctx, of, walk.Period{From: math.MinInt64, To: p.until})
	if err != nil {
		return 0, err
	}
	k := known{field: f, values: v}
	if len(v.keys) > 0 {
		k.has = make([][]bool, len(v.columns))
		for i := range v.columns {
			c := &v.columns[i]
			k.has[i] = make([]bool, c.len())
			for code := range k.has[i] {
				k.has[i][code] = !v.at(c, code).Missing()
			}
		}
	}
	p.history = true
	p.known = append(p.known, k)
	return len(p.known) - 1, nil
}

// find returns the event of a user's past that tells the value, or nil.
func (k *known) find(past []walk.Event) *walk.Event {
	if k.field.Source == syntax.FirstProperty {
		for i := range past {
			if k.tells(&past[i]) {
				return &past[i]
			}
		}
		return nil
	}
	for i := len(past) - 1; i >= 0; i-- {
		if k.tells(&past[i]) {
			return &past[i]
		}
	}
	return nil
}

func (k *known) tells(e *walk.Event) bool {
	code := k.columns[e.File].code(e.At)
	if k.has != nil {
		return k.has[e.File][code]
	}
	return code != 0
}
