package names

import "eventanalytics/pkg/event"

// maxSeen bounds the names of a batch that are remembered, to hash each once: a body
// has room for millions.
const maxSeen = 20_000

// seen are names that the set has.
type seen [kinds]map[string]struct{}

func (s *seen) has(kind Kind, text string) bool {
	_, ok := s[kind][text]
	return ok
}

func (s *seen) add(kind Kind, text string) {
	if s[kind] == nil || len(s[kind]) == maxSeen {
		s[kind] = map[string]struct{}{}
	}
	s[kind][text] = struct{}{}
}

// allKnown says whether a set has all names of a batch.
func allKnown(s *set, batch *event.Batch) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var known seen
	has := func(kind Kind, text string) bool {
		if known.has(kind, text) {
			return true
		}
		if !s.has(kind, hashOf(text)) {
			return false
		}
		if len(batch.Events) > 1 { // one has no name twice
			known.add(kind, text)
		}
		return true
	}
	for i := range batch.Events {
		e := &batch.Events[i]
		if !has(EventType, e.Type) {
			return false
		}
		for key := range event.Keys(e.Properties) {
			if !has(Property, key) {
				return false
			}
		}
	}
	return true
}

// hashesOf returns the hashes of a batch's names, without those that repeat; no more
// than as many as a set may have.
func hashesOf(batch *event.Batch) [][]byte {
	hashes := map[hash]struct{}{}
	for i := range batch.Events {
		e := &batch.Events[i]
		hashes[hashOf(e.Type)] = struct{}{}
		for key := range event.Keys(e.Properties) {
			hashes[hashOf(key)] = struct{}{}
		}
		if len(hashes) > maxUncounted {
			break
		}
	}
	list := make([][]byte, 0, len(hashes))
	for h := range hashes {
		list = append(list, h[:])
	}
	return list
}

// admission decides about the events of a batch, one after the other.
type admission struct {
	set     *set
	bounds  counts
	counts  counts // with the names that were added
	refused bool

	names []name // to be added
	added [kinds]map[hash]struct{}
	known seen
	fresh []name // of the event; scratch
}

// decide admits an event, or says why not.
func (a *admission) decide(e *event.Event) *event.Mistake {
	a.fresh = a.fresh[:0]
	if m := a.look(EventType, e.Type, 0); m != nil {
		return m
	}
	types := len(a.fresh)
	for key := range event.Keys(e.Properties) {
		if m := a.look(Property, key, types); m != nil {
			return m
		}
	}
	for _, n := range a.fresh {
		if a.added[n.kind] == nil {
			a.added[n.kind] = map[hash]struct{}{}
		}
		a.added[n.kind][n.hash] = struct{}{}
		a.counts[n.kind]++
		a.names = append(a.names, n)
	}
	return nil
}

// look notes a name if it is new, unless it is one too many. The event's new names of
// its kind begin at from; an event has no property twice.
func (a *admission) look(kind Kind, text string, from int) *event.Mistake {
	if a.known.has(kind, text) {
		return nil
	}
	h := hashOf(text)
	_, added := a.added[kind][h]
	if added || a.set.has(kind, h) {
		a.known.add(kind, text)
		return nil
	}
	if a.counts[kind]+len(a.fresh)-from >= a.bounds[kind] {
		return tooMany(kind, a.bounds[kind], text)
	}
	a.fresh = append(a.fresh, name{kind, h, shown(text)})
	return nil
}
