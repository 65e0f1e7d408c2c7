package oracle

import (
	"slices"
	"time"
)

// Did holds for the events of users who did something so often before the end of the
// range.
type Did struct {
	Series Series // Types, Filter and First of it
	Op     string // = != > >= < or <=
	Times  int
	Last   time.Duration // before the end; 0: from the first event ever
}

func (d Did) holds(k known, e Event) bool {
	times := 0
	for _, of := range k.users[e.person()] { // in their order, of all time before the end
		if len(d.Series.Types) > 0 && !slices.Contains(d.Series.Types, of.Type) || d.Series.Filter != nil && !d.Series.Filter.holds(k, of) {
			continue
		}
		if d.Last == 0 || !of.At.Before(k.end.Add(-d.Last)) {
			times++
		}
		if d.Series.First {
			break // only the first that fits counts, and only if it lies there
		}
	}
	switch d.Op {
	case "=":
		return times == d.Times
	case "!=":
		return times != d.Times
	case ">":
		return times > d.Times
	case ">=":
		return times >= d.Times
	case "<":
		return times < d.Times
	case "<=":
		return times <= d.Times
	}
	panic("no operator " + d.Op)
}

// Cohort is a filter on users, or a list of them.
type Cohort struct {
	Filter Filter
	Users  []string // where there is no filter
	Links  Links    // by which ids of the list are persons
}

// has says whether the user of an event is in the cohort.
func (c *Cohort) has(k known, e Event) bool {
	if c.Filter != nil {
		return c.Filter.holds(k, e)
	}
	return slices.ContainsFunc(c.Users, func(id string) bool { return c.Links.Person(id) == e.person() })
}
