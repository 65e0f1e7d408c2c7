package oracle

// Links say which id was linked to which: a forest. SDK.md: "the person is the root".
type Links map[string]string

// Person returns the root of an id: the one that is reached by following links until there
// are none.
func (l Links) Person(id string) string {
	for {
		to, linked := l[id]
		if !linked {
			return id
		}
		id = to
	}
}

// IDs are those of all whose person is the same as that of an id, the root first and then
// as ids have them.
func (l Links) IDs(id string, ids []string) []string {
	root := l.Person(id)
	all := []string{root}
	for _, other := range ids {
		if other != root && l.Person(other) == root {
			all = append(all, other)
		}
	}
	return all
}

// Of returns events with their persons.
func (l Links) Of(events []Event) []Event {
	all := make([]Event, len(events))
	for i, e := range events {
		e.Person = l.Person(e.UserID)
		all[i] = e
	}
	return all
}

// person is whom an event is of: its user_id, as long as that is linked to no other.
func (e Event) person() string {
	if e.Person != "" {
		return e.Person
	}
	return e.UserID
}

// unit is what is counted: users are persons, and user_id as a unit says no more.
func (s Scope) unit() Field {
	if s.Unit.Source == "user_id" {
		return Field{}
	}
	return s.Unit
}
