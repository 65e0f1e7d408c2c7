package measure

import (
	"cmp"
	"slices"

	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

// Ranking is a group with the value that it is ranked by.
type Ranking struct {
	Group engine.Group
	Value Value
}

// Rank returns the first groups: of the highest value first, without one last, of equal ones
// in the order of engine.Group. It sorts all.
func Rank(all []Ranking, top int) engine.Ranked {
	slices.SortFunc(all, func(a, b Ranking) int {
		switch {
		case a.Value.Null && !b.Value.Null:
			return 1
		case b.Value.Null && !a.Value.Null:
			return -1
		case !a.Value.Null && a.Value.Number != b.Value.Number:
			return cmp.Compare(b.Value.Number, a.Value.Number)
		}
		return a.Group.Compare(b.Group)
	})
	ranked := engine.Ranked{More: len(all) > top}
	for _, one := range all[:min(top, len(all))] {
		ranked.Groups = append(ranked.Groups, one.Group)
	}
	return ranked
}

// AboveNothing says whether the value of any events is above that of none, so that groups
// with events of the first series come before all others. Of the other measures, distinct
// values are 0 where no event has the field.
func AboveNothing(m syntax.Measure) bool {
	return m.Name == syntax.Users || m.Name == syntax.Events || m.Name == syntax.PerUser
}
