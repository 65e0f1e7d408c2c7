// Package measure makes values of what engines find: of the events, the users and the
// numbers in the buckets of a group, each for itself, in windows of neighbouring buckets,
// or of all buckets so far. Sums and quantiles are exact, and rounded once.
package measure

import (
	"math"

	"eventanalytics/pkg/decimal"
	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

// Value is a finite number, or null.
type Value struct {
	Number float64
	Null   bool
}

// null is the value of a measure that has nothing to be computed from.
var null = Value{Null: true}

// number is a value that is null where it is not finite.
func number(x float64) Value {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return null
	}
	return Value{Number: x}
}

// Nothing returns the value of no events.
func Nothing(m syntax.Measure) Value {
	switch m.Name {
	case syntax.Users, syntax.Events, syntax.Sum, syntax.Distinct:
		return Value{}
	}
	return null
}

// Part returns what a tally has to find out for a measure. merged says that buckets are
// taken together.
func Part(m syntax.Measure, merged bool) engine.Part {
	switch m.Name {
	case syntax.Events:
		return engine.OnlyEvents
	case syntax.Users, syntax.PerUser, syntax.Distinct:
		if merged {
			return engine.UserSets
		}
		return engine.CountUsers
	case syntax.Sum, syntax.Avg:
		return engine.Sums
	}
	return engine.Numbers
}

// Of returns the value of one cell.
func Of(m syntax.Measure, c engine.Cell) Value {
	switch m.Name {
	case syntax.Events:
		return number(float64(c.Events))
	case syntax.Users, syntax.Distinct:
		return number(float64(c.Users))
	case syntax.PerUser:
		return ratio(c.Events, c.Users)
	case syntax.Sum, syntax.Avg:
		if c.Sum == nil {
			return Nothing(m)
		}
		return sumOrAverage(m.Name, c.Sum)
	}
	return quantile(m.Name, c.Numbers)
}

// sumOrAverage is the sum of some numbers, or their average.
func sumOrAverage(measure string, s *decimal.Sum) Value {
	switch {
	case measure == syntax.Sum:
		return number(s.Float())
	case s.Count() == 0:
		return null
	}
	return number(s.Average())
}

// ratio is null for no users: a cell of events has some.
func ratio(events, users int64) Value {
	if users == 0 {
		return null
	}
	return number(float64(events) / float64(users))
}
