package identity

import "slices"

// ID is what is known of one id.
type ID struct {
	Known bool   // it stood in a field for known users
	Tied  bool   // it was linked once, also if the link was taken back since
	To    string // what it is linked to; empty when it is a root
}

// Forest is the ids of one project with what claims have made of them, or the part of it
// that claims are about: each id of a claim and all that it is linked to. It is for one
// goroutine.
type Forest struct {
	// MaxLinks is how many links there may be; 0 for any number.
	MaxLinks int
	// Links is how many there are.
	Links int

	ids map[string]ID
}

// NewForest makes a Forest of what is known of ids.
func NewForest(ids map[string]ID) *Forest {
	if ids == nil {
		ids = map[string]ID{}
	}
	return &Forest{ids: ids}
}

// Get returns what is known of an id.
func (f *Forest) Get(id string) ID { return f.ids[id] }

// Root returns the person of an id: the id that it is linked to in the end, or itself.
func (f *Forest) Root(id string) string {
	for f.ids[id].To != "" {
		id = f.ids[id].To
	}
	return id
}

// Outcome of a claim.
type Outcome struct {
	Linked   bool   // From is linked to To from now on
	Unlinked bool   // it no longer is
	Refused  Reason // why it is not; empty when there was nothing to refuse
	Changed  bool   // something is known of From that was not
}

// Apply does what a claim says, if it may. What was claimed before changes nothing: a
// retry may claim it again. (One exception: a Merge after its link was taken back.)
func (f *Forest) Apply(c Claim) Outcome {
	from := f.ids[c.From]
	switch c.Kind {
	case Known:
		if from.Known {
			return Outcome{}
		}
		from.Known = true
		f.ids[c.From] = from
		return Outcome{Changed: true}
	case Unlink:
		if c.To == "" || from.To != c.To {
			return Outcome{}
		}
		from.To = ""
		f.ids[c.From] = from
		f.Links--
		return Outcome{Unlinked: true, Changed: true}
	case Link, Merge:
		return f.link(c, from)
	}
	return Outcome{}
}

func (f *Forest) link(c Claim, from ID) Outcome {
	switch {
	case c.From == c.To || from.To == c.To:
		return Outcome{}
	case IsJunk(c.From) || IsJunk(c.To):
		return Outcome{Refused: Junk}
	case from.To != "" || from.Tied && c.Kind == Link:
		return Outcome{Refused: AlreadyLinked}
	case from.Known && c.Kind == Link:
		return Outcome{Refused: IsKnown}
	case f.Root(c.To) == c.From:
		return Outcome{Refused: Cycle}
	case f.MaxLinks > 0 && f.Links >= f.MaxLinks:
		return Outcome{Refused: TooMany}
	}
	from.To, from.Tied = c.To, true
	f.ids[c.From] = from
	f.Links++
	return Outcome{Linked: true, Changed: true}
}

// Persons returns the persons with more than one id: their ids by the root, which is the
// first of them; the others are in order.
func (f *Forest) Persons() map[string][]string {
	all := map[string][]string{}
	for id, known := range f.ids {
		if known.To != "" {
			root := f.Root(id)
			all[root] = append(all[root], id)
		}
	}
	for root, ids := range all {
		slices.Sort(ids)
		all[root] = append([]string{root}, ids...)
	}
	return all
}
