package question

import (
	"context"
	"fmt"

	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

// Split is how a question is broken down.
type Split struct {
	Breakdown []syntax.Breakdown `json:"breakdown,omitempty" nullable:"false"`
	Top       int                `json:"top,omitempty"`                                                                      // groups of values
	Other     *bool              `json:"other,omitempty" doc:"With a group of all other values; true unless said otherwise"` // with a group of all other values; nil without a breakdown
	Total     bool               `json:"total,omitempty"`                                                                    // with a group of everything
}

// SplitParams are the parameters of a breakdown.
type SplitParams struct {
	Breakdown     []string      `query:"breakdown,explode" json:"-" nullable:"false" doc:"Fields by whose values groups are made, such as properties.country, or JSON with field and bins; at most 3"`
	JSONBreakdown BreakdownJSON `json:"breakdown,omitempty" doc:"A field, an object with field and bins, or an array of them; see the parameter breakdown of GET"`
	Top           int           `query:"top" json:"top,omitempty" default:"10" minimum:"1" maximum:"500" doc:"Number of groups"`
	Other         bool          `query:"other" json:"-" default:"true" doc:"With a group of all other values"`
	JSONOther     *bool         `json:"other,omitempty" doc:"With a group of all other values; true unless said otherwise"` // false would be taken for a default that is missing
	Total         bool          `query:"total" json:"total,omitempty" doc:"With a group of everything"`
}

func (p *SplitParams) split() (s Split, err error) { return p.splitBy(syntax.Everywhere) }

// splitBy reads fields that a grammar has.
func (p *SplitParams) splitBy(g syntax.Grammar) (s Split, err error) {
	s.Breakdown, err = forms("breakdown", p.Breakdown, p.JSONBreakdown.RawJSON, g.ParseBreakdown, g.ParseBreakdownJSON)
	if err != nil || len(s.Breakdown) == 0 {
		return Split{}, err
	}
	seen := map[string]bool{}
	for i, b := range s.Breakdown {
		if name := b.Field.String(); seen[name] {
			return s, invalid(fmt.Sprintf("breakdown[%d]", i), "%s is given twice", name)
		}
		seen[b.Field.String()] = true
	}
	s.Top, s.Other, s.Total = p.Top, &p.Other, p.Total
	if p.JSONOther != nil {
		s.Other = p.JSONOther
	}
	return s, nil
}

// groupColumn tells groups apart.
var groupColumn = Column{Name: "group", Doc: "value: one combination of values, where null means missing; other: all combinations behind the first ones together; all: everything"}

// columns returns those of a breakdown.
func (s Split) columns() []Column {
	if len(s.Breakdown) == 0 {
		return nil
	}
	var columns []Column
	for _, b := range s.Breakdown {
		columns = append(columns, Column{Name: b.Field.String(), Nullable: true, Doc: "Value of the field"})
	}
	return append(columns, groupColumn)
}

// groups are the groups of an answer, in their order: values, other, all.
type groups struct {
	values []engine.Group
	cells  [][]Value // of each group, for the columns of the breakdown
	other  int       // index of that group, or -1
	all    int       // likewise; without a breakdown it is the only one
}

// groups asks for the groups of a question.
func (s Split) groups(ctx context.Context, src *engine.Source, r engine.Rank) (groups, error) {
	if len(s.Breakdown) == 0 {
		return s.groupsOf(engine.Ranked{}), nil
	}
	r.Breakdown, r.Top = s.Breakdown, s.Top
	ranked, err := src.Rank(ctx, r)
	if err != nil {
		return groups{}, err
	}
	return s.groupsOf(ranked), nil
}

// groupsOf makes the groups of an answer of those that a scan has found.
func (s Split) groupsOf(ranked engine.Ranked) groups {
	if len(s.Breakdown) == 0 {
		return groups{cells: [][]Value{nil}, other: -1}
	}
	g := groups{values: ranked.Groups, other: -1, all: -1}
	for _, group := range ranked.Groups {
		g.cells = append(g.cells, groupCells(group, "value"))
	}
	if *s.Other && ranked.More {
		g.other = len(g.cells)
		g.cells = append(g.cells, s.groupOf("other"))
	}
	if s.Total {
		g.all = len(g.cells)
		g.cells = append(g.cells, s.groupOf("all"))
	}
	return g
}

// groupOf are the cells of a group without values.
func (s Split) groupOf(kind string) []Value {
	none := make(engine.Group, len(s.Breakdown))
	for i := range none {
		none[i].Missing = true
	}
	return groupCells(none, kind)
}

func groupCells(group engine.Group, kind string) []Value {
	var cells []Value
	for _, v := range group {
		if v.Missing {
			cells = append(cells, NullText)
		} else {
			cells = append(cells, TextOf(v.Value))
		}
	}
	return append(cells, TextOf(kind))
}

// place returns the index of a cell's group in an answer, or -1 for one that is not in
// it.
func (g groups) place(group int) int {
	switch group {
	case engine.Rest:
		return g.other
	case engine.All:
		return g.all
	}
	return group
}
