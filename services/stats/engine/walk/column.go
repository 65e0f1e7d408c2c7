package walk

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"eventanalytics/pkg/property"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
)

// column is the values of a field at the events of one file, by code. Code 0 is that of
// events without one.
type column struct {
	known bool // by one of these:
	codes walk.Column
	file  *walk.File // with rows
	rows  *engine.Codes
}

func (c *column) len() int {
	if c.rows != nil {
		return len(c.rows.Values)
	}
	return c.codes.Len()
}

// code is that of an event.
func (c *column) code(at uint32) uint32 {
	if c.rows == nil {
		return c.codes.Code(at)
	}
	if row := c.file.Row(at); int(row) < len(c.rows.Rows) {
		return c.rows.Rows[row]
	}
	return 0
}

// keyed is a key of properties in a period.
type keyed struct {
	key    string
	period walk.Period
}

// property returns the columns of a property's first key, by file. Those of files that do
// not tell it are not known; those of files without events in the period are empty.
func (p *plan) property(key string, period walk.Period) []column {
	columns, ok := p.columns[keyed{key, period}]
	if !ok {
		columns = make([]column, len(p.files))
		for i, f := range p.files {
			if columns[i].known = !overlap(f, period); !columns[i].known {
				columns[i].codes, columns[i].known = f.Column(key)
			}
		}
		p.columns[keyed{key, period}] = columns
	}
	return columns
}

func overlap(f *walk.File, p walk.Period) bool {
	has := f.Period()
	return has.From < p.To && has.To > p.From
}

// unknown are the files that do not tell a field that events have themselves, at those in
// a period.
func (p *plan) unknown(f syntax.Field, period walk.Period) (files []int) {
	switch f.Source {
	case syntax.UserID:
		for i, file := range p.files {
			if overlap(file, period) {
				files = append(files, i)
			}
		}
	case syntax.Property:
		for i, c := range p.property(f.Keys[0], period) {
			if !c.known {
				files = append(files, i)
			}
		}
	}
	return files
}

// values are the values of a field in all files.
type values struct {
	columns []column
	// keys lead from a value that a file has to the field's, in an object or array.
	keys []string
}

// bytes is what values take that were read from the events.
func (v *values) bytes() (n int) {
	for i := range v.columns {
		n += v.columns[i].bytes()
	}
	return n
}

func (c *column) bytes() (n int) {
	if c.rows != nil {
		n = 4 * len(c.rows.Rows)
		for _, v := range c.rows.Values {
			n += groupBytes + len(v.JSON())
		}
	}
	return n
}

// values returns those of a property, or of user_id, of the events in a period. What files
// do not tell is read from the events.
func (p *plan) values(ctx context.Context, f syntax.Field, period walk.Period) (values, error) {
	files := p.unknown(f, period)
	var v values
	if f.Source == syntax.Property {
		v = values{slices.Clone(p.property(f.Keys[0], period)), f.Keys[1:]}
	} else {
		v.columns = make([]column, len(p.files))
	}
	if len(files) == 0 {
		return v, nil
	}
	if p.rows == nil {
		return v, engine.ErrUnsupported
	}
	codes, err := p.rows.Values(ctx, files, period, f)
	if err != nil {
		return v, err
	}
	for i, at := range files {
		v.columns[at] = column{known: true, file: p.files[at], rows: &codes[i]}
		if err := p.spend(4 * len(codes[i].Rows)); err != nil {
			return v, err
		}
	}
	return v, nil
}

// distinct calls value with each value that files have, once for many that are the same:
// what it means may take long to find out. set is then called with what value returned,
// for each code of the files.
func distinct[T any](v values, value func(property.Value) (T, error), set func(file int, codes []T) error) error {
	var ofJSON map[string]T
	var last ascending[T] // of the file before: most values are in that, too
	for i := range v.columns {
		c := &v.columns[i]
		if !c.known {
			continue
		}
		codes := make([]T, max(1, c.len()))
		var err error
		if codes[0], err = value(property.Value{}); err != nil {
			return err
		}
		switch {
		case c.rows != nil:
			for code, one := range c.rows.Values {
				if codes[code], err = value(one); err != nil {
					return err
				}
			}
		case len(codes) > 1:
			if ofJSON == nil {
				ofJSON = make(map[string]T, len(codes))
			}
			all := c.codes.Values()
			for code := range codes[1:] {
				json, _ := all.Next()
				known, ok := last.find(json)
				if !ok {
					known, ok = ofJSON[string(json)]
				}
				if !ok {
					text := string(json)
					if known, err = value(property.Find(text, v.keys)); err != nil {
						return err
					}
					ofJSON[text] = known
				}
				codes[1+code] = known
			}
			last = ascending[T]{of: codes, values: c.codes.Values()}
		}
		if err := set(i, codes); err != nil {
			return err
		}
	}
	return nil
}

// ascending goes over the values of a column to find some of them, without a look into a
// table for each.
type ascending[T any] struct {
	of     []T // by code
	values *walk.Values
	code   int    // that the values are at; 0 at the start
	json   []byte // of it
}

// find returns what a value stands for. Values must be asked for in their order.
func (a *ascending[T]) find(json []byte) (of T, ok bool) {
	for a.code < len(a.of) {
		c := -1
		if a.code > 0 {
			c = bytes.Compare(a.json, json)
		}
		if c == 0 {
			return a.of[a.code], true
		}
		if c > 0 {
			break
		}
		a.json, _ = a.values.Next()
		a.code++
	}
	return of, false
}

// spend counts memory of the plan. More than there is for a result is left to an engine
// that does not need it.
func (p *plan) spend(bytes int) error {
	if err := p.budget.Spend(bytes); err != nil {
		return unsupported(err)
	}
	return nil
}

// texts numbers texts from 1; 0 stands for none.
type texts struct {
	ids map[string]uint32
	all []string // by id
}

func newTexts() *texts { return &texts{map[string]uint32{}, []string{""}} }

// expect makes room for some texts, up to a size that is not worth being counted.
func (t *texts) expect(n int) {
	const most = 1 << 14
	if n = min(n, most); len(t.ids) == 0 {
		t.ids, t.all = make(map[string]uint32, n), append(make([]string, 0, 1+n), t.all...)
	}
}

func (t *texts) id(text string) uint32 {
	id, ok := t.ids[text]
	if !ok {
		id = uint32(len(t.all))
		text = strings.Clone(text) // a file's memory may go
		t.ids[text] = id
		t.all = append(t.all, text)
	}
	return id
}

// text is that of an id.
func (t *texts) text(id uint32) engine.Text { return engine.Text{Value: t.all[id], Missing: id == 0} }
