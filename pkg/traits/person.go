package traits

// OfPerson are the properties of a person with several ids, of which the first is the
// root. What the root's say wins; for a value of SetOnce the earliest one of any id does.
// Of what the root says nothing, the last value that was set counts, or else the earliest
// one of SetOnce.
func OfPerson(ids ...map[string]Property) map[string]Property {
	if len(ids) == 1 {
		return ids[0]
	}
	all := map[string]Property{}
	for i, of := range ids {
		for name, p := range of {
			was, known := all[name]
			root, says := ids[0][name]
			switch {
			case i == 0, !known:
			case says && (!root.Once || !p.Once), !wins(p, was):
				continue
			}
			all[name] = p
		}
	}
	return all
}

// wins says whether a property counts in place of one of another id.
func wins(p, was Property) bool {
	switch {
	case p.Once && was.Once:
		return p.Since.Compare(was.Since) < 0
	case p.Once != was.Once:
		return was.Once
	}
	return p.Since.Compare(was.Since) > 0
}
