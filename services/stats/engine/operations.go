package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/property"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/traits"
)

// Traits tells what operations say of users, per id, as it is now. What they removed is
// told as well.
type Traits interface {
	// Of returns the properties of some ids, and the keys of their groups by type: a map for
	// each id, in their order.
	Of(ctx context.Context, ids []string) (properties, groups []map[string]traits.Property, err error)
	// Named calls each with a property of all ids that have keys.
	Named(ctx context.Context, name string, each func(key uint32, p traits.Property) error) error
}

// Operations are what operations say of the properties that a scan looks at. A nil one says
// nothing.
type Operations struct {
	told map[string]*Told // by keys of the field; nil where they say nothing
}

// Told is what operations say of a property.
type Told struct {
	// Users are the keys of the users, or persons, of whom operations say it: for these
	// their events do not matter. It must not be changed.
	Users  *roaring.Bitmap
	of     map[uint32]uint32 // index in values, by user
	values []property.Value
}

// toldBytes is about what a user takes.
const toldBytes = 32

// Value is that of a user among Users. It is missing where it was removed.
func (t *Told) Value(key uint32) property.Value { return t.values[t.of[key]] }

// Each calls do with all users and their values.
func (t *Told) Each(do func(key uint32, value property.Value)) {
	for key, i := range t.of {
		do(key, t.values[i])
	}
}

// Of returns what operations say of a field of the source syntax.UserProperty, nil for
// nothing.
func (o *Operations) Of(f syntax.Field) *Told {
	if o == nil || f.Source != syntax.UserProperty {
		return nil
	}
	return o.told[toldOf(f)]
}

func toldOf(f syntax.Field) string { return fmt.Sprintf("%q", f.Keys) }

// say reads what operations say of the fields of a scan, each once for a question.
func (s *Source) say(ctx context.Context, scope *Scope, fields []syntax.Field, filters ...*syntax.Filter) error {
	if s.Traits == nil {
		return nil
	}
	scope.Operations, fields = &s.operations, slices.Clip(fields)
	for _, f := range filters {
		for c := range f.Conditions {
			fields = append(fields, c.Field)
		}
	}
	for _, f := range fields {
		if f.Of != nil { // at the begin or the end of a session
			f = *f.Of
		}
		name := toldOf(f)
		if _, known := s.operations.told[name]; known || f.Source != syntax.UserProperty {
			continue
		}
		told, err := s.read(ctx, f.Keys)
		if err != nil {
			return err
		}
		if s.operations.told == nil {
			s.operations.told = map[string]*Told{}
		}
		s.operations.told[name] = told
	}
	return nil
}

// read reads what operations say of a property, nil for nothing.
func (s *Source) read(ctx context.Context, keys []string) (*Told, error) {
	t := &Told{Users: roaring.New(), of: map[uint32]uint32{}}
	budget := NewKeptBudget(ctx)
	index := map[string]uint32{}  // in values, by JSON
	several := map[uint32][]one{} // by root: of persons with several ids
	bytes := 0                    // that were not counted yet
	put := func(key uint32, p traits.Property) {
		i, known := index[p.Value]
		if !known {
			bytes += len(p.Value)
			i = uint32(len(t.values))
			index[p.Value] = i
			t.values = append(t.values, property.Find(p.Value, keys[1:]))
		}
		t.of[key] = i
	}
	err := s.Traits.Named(ctx, keys[0], func(key uint32, p traits.Property) error {
		if bytes += toldBytes; bytes >= meterStep {
			if err := budget.Spend(bytes); err != nil {
				return err
			}
			bytes = 0
		}
		if s.People != nil {
			if root := s.People.Root(key); root != key || s.People.IsRoot(key) {
				several[root] = append(several[root], one{key, p})
				return nil
			}
		}
		put(key, p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for root, all := range several {
		put(root, ofPerson(root, all))
	}
	for key := range t.of {
		t.Users.Add(key)
	}
	if t.Users.IsEmpty() {
		return nil, nil
	}
	return t, budget.Spend(bytes)
}

// one is a property of an id.
type one struct {
	key uint32
	traits.Property
}

// ofPerson is what counts of what is said of the ids of a person.
func ofPerson(root uint32, all []one) traits.Property {
	ids := []map[string]traits.Property{{}} // that of the root first
	for _, p := range all {
		if p.key == root {
			ids[0][""] = p.Property
		} else {
			ids = append(ids, map[string]traits.Property{"": p.Property})
		}
	}
	return traits.OfPerson(ids...)[""]
}

// tell adds to a user what operations say of their ids.
func (s *Source) tell(ctx context.Context, user *Known) error {
	user.Groups = groupsOf(property.Find(user.Properties["$groups"], nil))
	if s.Traits == nil {
		return nil
	}
	properties, groups, err := s.Traits.Of(ctx, user.IDs)
	if err != nil {
		return err
	}
	overlay(user.Properties, traits.OfPerson(properties...))
	overlay(user.Groups, traits.OfPerson(groups...))
	return nil
}

func overlay(values map[string]string, said map[string]traits.Property) {
	for name, p := range said {
		if values[name] = p.Value; p.Value == "" {
			delete(values, name)
		}
	}
}

// groupsOf are the groups that an event names: of several of a type, the last.
func groupsOf(named property.Value) map[string]string {
	groups := map[string]string{}
	for kind, of := range property.Members(named.JSON()) {
		key := of
		for element := range of.Elements() {
			key = element
		}
		if key.IsText() || key.IsNumber() {
			groups[kind] = property.OfText(key.Text()).JSON()
		}
	}
	return groups
}
