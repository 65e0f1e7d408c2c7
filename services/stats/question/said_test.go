package question_test

import (
	"context"

	"eventanalytics/pkg/oracle"
	"eventanalytics/pkg/traits"
)

// say has operations say something of some users of some projects, and of ids without any
// event.
func (w *world) say(g generator, project int64) {
	ids := append([]string{"without events", "nor this one"}, someUsers...)
	of := oracle.Operations{}
	for at := range pick(g, []int{0, 5, 30, 60}) {
		id, name := pick(g, ids), pick(g, append([]string{"n", "missing"}, someKeys...))
		if g.maybe(2) { // of several ids of a person
			name = someKeys[0]
		}
		s := oracle.Said{Value: pick(g, someValues), At: at + 1}
		if name == "n" && g.maybe(2) {
			s.Value = `{"x":` + s.Value + `,"y.z":1.50}`
		}
		if s.Once = g.maybe(3); !s.Once && g.maybe(5) {
			s.Value = ""
		}
		if of[id] == nil {
			of[id] = map[string]oracle.Said{}
		}
		of[id][name] = s
	}
	w.said[project] = of
	w.answers["said"] += len(of)
}

// saying is what operations say in a world.
type saying struct {
	keys map[string]uint32
	said oracle.Operations
}

func propertyOf(s oracle.Said) traits.Property {
	return traits.Property{Value: s.Value, Once: s.Once, Since: traits.Place{XID: uint64(s.At)}}
}

// Of returns what is said of some ids.
func (s saying) Of(_ context.Context, ids []string) (properties, groups []map[string]traits.Property, err error) {
	for _, id := range ids {
		of := map[string]traits.Property{}
		for name, said := range s.said[id] {
			of[name] = propertyOf(said)
		}
		properties, groups = append(properties, of), append(groups, nil)
	}
	return properties, groups, nil
}

// Named tells of all ids with keys what is said of a property.
func (s saying) Named(_ context.Context, name string, each func(uint32, traits.Property) error) error {
	for id, of := range s.said {
		said, is := of[name]
		key, has := s.keys[id]
		if !is || !has {
			continue
		}
		if err := each(key, propertyOf(said)); err != nil {
			return err
		}
	}
	return nil
}
