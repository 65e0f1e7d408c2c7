package traits

import (
	"slices"
	"strings"

	"eventanalytics/pkg/property"
)

// Fate of a step.
type Fate int

// What becomes of a step.
const (
	Nothing Fate = iota // all was so already, or it means nothing for the value there is
	Changed
	TooLarge // it would have gone beyond a bound, and was not taken
)

// Properties of one user or group.
type Properties struct {
	all   map[string]Property
	bytes int
	// Dirty are the names of those that were changed.
	Dirty map[string]bool
}

// NewProperties takes over what is known.
func NewProperties(all map[string]Property) *Properties {
	if all == nil {
		all = map[string]Property{}
	}
	p := &Properties{all: all, Dirty: map[string]bool{}}
	for name, of := range all {
		p.bytes += len(name) + len(of.Value)
	}
	return p
}

// Get returns a property; ok says that operations ever gave it a value.
func (p *Properties) Get(name string) (of Property, ok bool) {
	of, ok = p.all[name]
	return of, ok
}

// All are the properties by name, those that were removed included.
func (p *Properties) All() map[string]Property { return p.all }

// Apply takes a step. Steps after which all is as before can be left out of the log: those
// behind them do the same without them.
func (p *Properties) Apply(s Step, at Place) Fate {
	if s.Do == Clear {
		fate := Nothing
		for name, of := range p.all {
			if of.Value != "" {
				fate = p.put(name, Property{Since: at})
			}
		}
		return fate
	}
	if !Possible(s.Name) || len(s.Value) > MaxValue || len(s.Value) == 0 && s.Do != Unset {
		return TooLarge
	}
	was, known := p.all[s.Name]
	value, ok := was.Value, string(s.Value)
	next := Property{Since: at}
	switch s.Do {
	case Set:
		next.Value = ok
	case SetOnce:
		if value != "" {
			return Nothing
		}
		next.Value, next.Once = ok, true
	case Unset:
	default:
		next.Value = changed(s.Do, value, ok)
	}
	switch {
	case next.Value == "" && (s.Do != Unset || !known):
		return Nothing // what nobody ever gave a value is not removed
	case known && next.Value == value && next.Once == was.Once:
		return Nothing
	}
	return p.put(s.Name, next)
}

// put makes a property what it is to be, unless that is too much.
func (p *Properties) put(name string, next Property) Fate {
	was, known := p.all[name]
	bytes := p.bytes + len(next.Value) - len(was.Value)
	if !known {
		bytes += len(name)
	}
	grows := len(next.Value) > len(was.Value) || !known
	if grows && (bytes > MaxBytes || len(next.Value) > MaxValue || !known && len(p.all) >= MaxProperties) {
		return TooLarge
	}
	p.all[name], p.bytes, p.Dirty[name] = next, bytes, true
	return Changed
}

// changed returns a value after a step that depends on it. Empty means that the step means
// nothing for it.
func changed(do Do, old, operand string) string {
	switch do {
	case Add:
		return plus(old, operand)
	case Append, Prepend, Union, UnionHead:
		list := elements(old)
		if (do == Union || do == UnionHead) && slices.ContainsFunc(list, equals(operand)) {
			return old
		}
		if do == Append || do == Union {
			return listOf(append(list, operand))
		}
		return listOf(slices.Insert(list, 0, operand))
	case Remove:
		if !strings.HasPrefix(old, "[") {
			return ""
		}
		list := elements(old)
		left := slices.DeleteFunc(slices.Clone(list), equals(operand))
		if len(left) == len(list) {
			return old
		}
		return listOf(left)
	}
	return ""
}

// equals says whether an element has the text of another, as in questions: 10 and 10.0 are
// equal.
func equals(operand string) func(string) bool {
	text := valueOf(operand).Text()
	return func(element string) bool { return element == operand || valueOf(element).Text() == text }
}

// elements of a list; any other value is the only one.
func elements(json string) (list []string) {
	switch {
	case json == "":
		return nil
	case json[0] != '[':
		return []string{json}
	}
	for v := range valueOf(json).Elements() {
		list = append(list, v.JSON())
	}
	return list
}

func listOf(elements []string) string { return "[" + strings.Join(elements, ",") + "]" }

func valueOf(json string) property.Value { return property.Find(json, nil) }
