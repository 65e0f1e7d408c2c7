package sdk

import (
	"slices"

	"github.com/google/uuid"

	"eventanalytics/pkg/traits"
	"eventanalytics/pkg/traits/traitlog"
	"eventanalytics/services/ingest/sdk/loose"
)

// DefaultGroup is the type of groups that have none.
const DefaultGroup = "group"

// Steps do the same with each member of an object. There are none of other values.
func Steps(do traits.Do, of loose.Value) (steps []traits.Step) {
	if of.Kind() != loose.Object {
		return nil
	}
	for name, value := range of.Members() {
		steps = append(steps, StepOf(do, name, value))
	}
	return steps
}

// StepOf is a step with one property.
func StepOf(do traits.Do, name string, value loose.Value) traits.Step {
	s := traits.Step{Do: do}
	if traits.Possible(name) {
		s.Name = name
	}
	if do != traits.Unset && storable(value, traits.MaxDepth) {
		if text := value.Append(nil); len(text) <= traits.MaxValue {
			s.Value = text
		}
	}
	return s
}

// Each does the same with all elements of an array, one after the other; another value is
// the only one.
func Each(do traits.Do, name string, value loose.Value) (steps []traits.Step) {
	if value.Kind() != loose.Array {
		return []traits.Step{StepOf(do, name, value)}
	}
	for _, element := range value.Items() {
		steps = append(steps, StepOf(do, name, element))
	}
	return steps
}

// Removals unset the properties that an array names.
func Removals(names loose.Value) (steps []traits.Step) {
	for _, name := range names.Items() {
		steps = append(steps, StepOf(traits.Unset, name.Text(), loose.Nothing))
	}
	return steps
}

// storable applies the rules of events' properties to a value.
func storable(v loose.Value, levels int) bool {
	switch v.Kind() {
	case loose.None:
		return false
	case loose.Number:
		return len(v.ID()) <= traits.MaxNumber
	case loose.Array:
		return levels > 0 && !slices.ContainsFunc(v.Items(), func(m loose.Value) bool { return !storable(m, levels-1) })
	case loose.Object:
		if levels == 0 {
			return false
		}
		for _, m := range v.Members() {
			if !storable(m, levels-1) {
				return false
			}
		}
	}
	return true
}

// Change changes properties of the user that the draft is of.
func (d *Draft) Change(steps ...traits.Step) { d.change(traits.Subject{Kind: traits.User}, steps) }

// ChangeGroup changes properties of a group.
func (d *Draft) ChangeGroup(kind, key string, steps ...traits.Step) {
	d.change(traits.Subject{Kind: traits.Group, Type: kind, ID: key}, steps)
}

// Join says that the user that the draft is of is in a group now, and in no other of its
// type.
func (d *Draft) Join(kind, key string) {
	if !traits.Possible(kind) || !traits.Possible(key) {
		return
	}
	d.change(traits.Subject{Kind: traits.Member}, []traits.Step{{Do: traits.Set, Name: kind, Value: traits.Key(key)}})
}

func (d *Draft) change(of traits.Subject, steps []traits.Step) {
	if len(steps) > 0 {
		d.Traits = append(d.Traits, traits.Change{Subject: of, Steps: steps[:min(len(steps), traits.MaxSteps)]})
	}
}

// change takes over the changes of properties of an item of a user that is stored.
// operation is the id of the operation that it is, if it is one.
func (s *settler) change(d *Draft, user string, index int32, operation uuid.UUID) {
	for _, c := range d.Traits {
		if c.Kind != traits.Group {
			c.ID = user
		}
		if c.Possible() {
			s.out.Traits = append(s.out.Traits, traitlog.Entry{Change: c, Project: s.caller.ProjectID, Operation: operation, Place: index})
		}
	}
}
