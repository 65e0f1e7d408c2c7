package syntax

import (
	"slices"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/property"
)

// OfProperties returns what says whether a filter, whose conditions are all on
// properties, holds for the properties of an event: JSON, or empty. Each property is
// looked up at most once. The function is safe for concurrent use.
func OfProperties(f Filter, zone *calendar.Zone) func(properties string) bool {
	var paths [][]string
	root := prepare(f, zone, &paths)
	return func(properties string) bool {
		var few [8]lookUp
		lookUps := few[:]
		if len(paths) > len(few) {
			lookUps = make([]lookUp, len(paths))
		}
		return root.holds(properties, paths, lookUps)
	}
}

// lookUp is the value of a property, once it is found.
type lookUp struct {
	done  bool
	value property.Value
}

// node is a filter ready to look at values.
type node struct {
	form Form
	of   []node
	test *Test
	path int // index in paths
}

func prepare(f Filter, zone *calendar.Zone, paths *[][]string) node {
	n := node{form: f.Form}
	if f.Form == Holds {
		keys := f.Condition.Field.Keys
		n.test = f.Condition.Test(zone)
		n.path = slices.IndexFunc(*paths, func(known []string) bool { return slices.Equal(known, keys) })
		if n.path < 0 {
			n.path = len(*paths)
			*paths = append(*paths, keys)
		}
	}
	for _, one := range f.Of {
		n.of = append(n.of, prepare(one, zone, paths))
	}
	return n
}

func (n *node) holds(properties string, paths [][]string, lookUps []lookUp) bool {
	switch n.form {
	case Holds:
		l := &lookUps[n.path]
		if !l.done {
			l.done, l.value = true, property.Find(properties, paths[n.path])
		}
		return n.test.Holds(l.value)
	case Not:
		return !n.of[0].holds(properties, paths, lookUps)
	}
	for i := range n.of {
		if n.of[i].holds(properties, paths, lookUps) == (n.form == Any) {
			return n.form == Any
		}
	}
	return n.form != Any
}
