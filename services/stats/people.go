package stats

import (
	"context"
	"slices"

	"eventanalytics/pkg/warehouse/persons"
	"eventanalytics/services/stats/engine"
)

// people tells the ids of a project's persons: files and links have their keys.
type people struct {
	names   userNames
	project int64
	*persons.Map
}

// Person returns the person that an id belongs to, nil where that has no other ids.
func (p people) Person(ctx context.Context, userID string) (*engine.Person, error) {
	key, ok, err := p.names.Key(ctx, p.project, userID)
	if err != nil || !ok {
		return nil, unread("the ids of persons", err)
	}
	root := p.Root(key)
	members := p.Members(root)
	if len(members) == 0 {
		return nil, nil
	}
	one := &engine.Person{Keys: append([]uint32{root}, members...)}
	one.IDs, err = p.names.IDs(ctx, p.project, one.Keys[:min(len(one.Keys), engine.MaxIDs)])
	return one, unread("the ids of persons", err)
}

// namesAtOnce is how many ids are looked up with one statement.
const namesAtOnce = 10_000

// Names returns the ids of the roots that other keys moved to.
func (p people) Names(ctx context.Context) (map[uint32]string, error) {
	names := make(map[uint32]string, len(p.Roots()))
	for keys := range slices.Chunk(p.Roots(), namesAtOnce) {
		ids, err := p.names.IDs(ctx, p.project, keys)
		if err != nil {
			return nil, unread("the ids of persons", err)
		}
		for i, key := range keys {
			names[key] = ids[i]
		}
	}
	return names, nil
}
