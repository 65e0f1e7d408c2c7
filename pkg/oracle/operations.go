package oracle

// Said is what operations made of a property of an id.
type Said struct {
	Value string // JSON; empty: it was removed
	Once  bool   // it was given only because there was none
	At    int    // its place among all that was said
}

// Operations are what was said last, by id and name of the property.
type Operations map[string]map[string]Said

// Of returns events with what is said of whose they are.
func (o Operations) Of(events []Event, links Links) []Event {
	all := make([]Event, len(events))
	for i, e := range events {
		e.Said = o.person(e.person(), links)
		all[i] = e
	}
	return all
}

// person is what is said of a person, by name: the root's counts, or the first that was
// given once if the root's was; else what was set last, or the first that was given once.
func (o Operations) person(root string, links Links) map[string]string {
	values := map[string]string{}
	names := map[string]bool{}
	for _, of := range o {
		for name := range of {
			names[name] = true
		}
	}
	for name := range names {
		var first, last *Said // of those given once, and of those set
		for id, of := range o {
			s, said := of[name]
			if !said || links.Person(id) != root {
				continue
			}
			if s.Once && (first == nil || s.At < first.At) {
				first = &s
			}
			if !s.Once && (last == nil || s.At > last.At) {
				last = &s
			}
		}
		switch own, said := o[root][name]; {
		case said && !own.Once:
			values[name] = own.Value
		case said, last == nil && first != nil:
			values[name] = first.Value
		case last != nil:
			values[name] = last.Value
		}
	}
	return values
}
