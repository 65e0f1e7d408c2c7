package replica

import (
	"sync"

	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/persons"
	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/pkg/warehouse/walk"
)

// people are the persons of a project, with the views of its events in which users are
// persons, once they were asked for. Snapshots with the same persons share them.
type people struct {
	*persons.Map

	mu     sync.Mutex
	rollUp *rollup.View
	walk   *walk.View
}

// peopleOf returns the people of the projects of a snapshot that have any. What is known
// of days and files is taken over from before, where it is the same.
func peopleOf(s *manifest.Snapshot, before map[int64]*people) map[int64]*people {
	all := map[int64]*people{}
	for project := range s.Projects() {
		m := s.Persons(project)
		if m == nil {
			continue
		}
		known := before[project]
		if known == nil || known.Version() != m.Version() {
			known = known.become(m)
		}
		all[project] = known
	}
	return all
}

// become returns other people, who take over what they can of the views; p may be nil.
func (p *people) become(m *persons.Map) *people {
	other := &people{Map: m}
	if p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		other.rollUp, other.walk = p.rollUp, p.walk
	}
	return other
}

// inRollUp returns a roll-up in which users are these people; p may be nil.
func (p *people) inRollUp(sent *rollup.View) *rollup.View {
	if p == nil || sent == nil {
		return sent
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rollUp = sent.WithPersonsAfter(p.rollUp, p.Map)
	return p.rollUp
}

// inWalk returns events by user whose users are these people; p may be nil.
func (p *people) inWalk(sent *walk.View) *walk.View {
	if p == nil || sent == nil {
		return sent
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.walk = sent.WithPersonsAfter(p.walk, p.Map)
	return p.walk
}
