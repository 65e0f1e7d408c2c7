package question_test

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"eventanalytics/pkg/oracle"
	"eventanalytics/pkg/warehouse/persons"
	"eventanalytics/services/stats/engine"
)

// linked are a project's links, for the oracle, and the persons that they make of users.
type linked struct {
	links oracle.Links
	*persons.Map
}

// link links some of the users of some projects, one to the other in chains, and to ids
// without any event.
func (w *world) link(g generator, project int64) {
	ids := append([]string{"without events", "nor this one"}, someUsers...)
	of := linked{links: oracle.Links{}}
	for range pick(g, []int{0, 2, 5, 12}) {
		from, to := pick(g, ids), pick(g, ids)
		if _, known := of.links[from]; !known && of.links.Person(to) != from {
			of.links[from] = to
		}
	}
	roots := map[uint32]uint32{}
	for id := range of.links {
		roots[w.keyOf(id)] = w.keyOf(of.links.Person(id))
	}
	of.Map = persons.New(roots)
	w.linked[project] = of
	w.answers["links"] += len(of.links)
}

// ids are those of users in the order of their keys.
func (w *world) ids() []string {
	return slices.SortedFunc(maps.Keys(w.keys), func(a, b string) int { return cmp.Compare(w.keys[a], w.keys[b]) })
}

// people are those of a world, as a service looks them up.
type people struct {
	keys map[string]uint32
	*persons.Map
}

// Person returns the person of an id.
func (p people) Person(ctx context.Context, userID string) (*engine.Person, error) {
	key, ok := p.keys[userID]
	members := p.Members(p.Root(key))
	if !ok || len(members) == 0 {
		return nil, nil
	}
	one := &engine.Person{Keys: append([]uint32{p.Root(key)}, members...)}
	var err error
	one.IDs, err = names{p.keys}.IDs(ctx, 0, one.Keys)
	return one, err
}

// Names returns the ids of roots.
func (p people) Names(context.Context) (map[uint32]string, error) {
	names := map[uint32]string{}
	for id, key := range p.keys {
		if p.IsRoot(key) {
			names[key] = id
		}
	}
	return names, nil
}
