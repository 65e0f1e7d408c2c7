package duckdb

import (
	"strings"
	"sync"

	"eventanalytics/pkg/property"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/services/stats/engine"
)

// coder gives the values of a file's events codes. What came before is known by how it
// was written: a text, or JSON.
type coder struct {
	events int64
	budget *engine.SharedBudget

	mu               sync.Mutex
	codes            engine.Codes
	texts, documents map[string]uint32
	values           map[string]uint32 // by canonical JSON
}

func newCoder(events int64, budget *engine.SharedBudget) *coder {
	return &coder{
		events: events, budget: budget, codes: engine.Codes{Values: make([]property.Value, 1)},
		texts: map[string]uint32{}, documents: map[string]uint32{}, values: map[string]uint32{},
	}
}

// read says how files with some columns have the values of a field, and has them coded.
func read(coders []*coder, columns duckdb.Columns, f syntax.Field) (expression string, take duckdb.RowFunction) {
	texts := func(rows []duckdb.RowText) error { return takeAll(coders, rows, (*coder).takeText) }
	documents := func(rows []duckdb.RowText) error { return takeAll(coders, rows, (*coder).takeDocument) }
	if f.Source != syntax.Property {
		return string(f.Source), texts
	}
	switch column, kind := shredded(columns, f.Keys); kind {
	case duckdb.Text:
		return column, texts
	case duckdb.Integer, duckdb.Number:
		return column + "::VARCHAR", documents
	}
	return "properties", func(rows []duckdb.RowText) error {
		for i, r := range rows {
			v := property.Find(r.Text, f.Keys)
			rows[i].Text, rows[i].Missing = v.JSON(), v.Missing()
		}
		return documents(rows)
	}
}

// mayHave is a condition that holds for all events with a value of a field, and for few
// others.
func mayHave(columns duckdb.Columns, f syntax.Field) string {
	if f.Source != syntax.Property {
		return "true"
	}
	if column, _ := shredded(columns, f.Keys); column != "" {
		return column + " IS NOT NULL"
	}
	return columns.MayHave(f.Keys[0])
}

// takeAll has rows coded, those of one file after those of another.
func takeAll(coders []*coder, rows []duckdb.RowText, code func(*coder, string) (uint32, error)) error {
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].Segment == rows[0].Segment {
			n++
		}
		if err := coders[rows[0].Segment].take(rows[:n], code); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

func (c *coder) take(rows []duckdb.RowText, code func(*coder, string) (uint32, error)) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.codes.Rows == nil {
		if err := c.budget.Spend(int(4 * c.events)); err != nil {
			return err
		}
		c.codes.Rows = make([]uint32, c.events)
	}
	for _, r := range rows {
		if r.Missing {
			continue
		}
		if c.codes.Rows[r.Row], err = code(c, r.Text); err != nil {
			return err
		}
	}
	return nil
}

func (c *coder) takeText(text string) (uint32, error) {
	if code, ok := c.texts[text]; ok {
		return code, nil
	}
	return c.add(c.texts, text, property.OfText(text))
}

func (c *coder) takeDocument(json string) (uint32, error) {
	if code, ok := c.documents[json]; ok {
		return code, nil
	}
	return c.add(c.documents, json, valueOf(json).Canonical())
}

// add gives a value that was not written so before its code.
func (c *coder) add(known map[string]uint32, text string, v property.Value) (uint32, error) {
	if err := c.budget.Spend(len(text) + len(v.JSON()) + 200); err != nil {
		return 0, err
	}
	code, ok := c.values[v.JSON()]
	if !ok {
		code = uint32(len(c.codes.Values))
		v = valueOf(strings.Clone(v.JSON())) // it may be a part of the text, which is DuckDB's
		c.values[v.JSON()] = code
		c.codes.Values = append(c.codes.Values, v)
	}
	known[strings.Clone(text)] = code
	return code, nil
}
