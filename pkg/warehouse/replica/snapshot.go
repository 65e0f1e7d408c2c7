// Package replica has what a stats replica holds: the newest version of the
// manifest, with the roll-ups of its segments in memory and their events by user
// mapped into it. It does not know DuckDB.
package replica

import (
	"context"
	"math"
	"time"

	"go.uber.org/zap"

	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/persons"
	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/pkg/warehouse/walk"
)

// Snapshot is one version of the manifest with roll-ups and events by user. It does not
// change.
type Snapshot struct {
	*manifest.Snapshot
	rollUps map[int64]*rollup.View // by project
	walks   map[int64]*projectWalk // by project with segments
	people  map[int64]*people      // by project
}

// NewSnapshot reads the roll-ups of a snapshot's segments, as a Reader does, but
// however much memory they take.
func NewSnapshot(ctx context.Context, s *manifest.Snapshot, files *segment.Integrity) (*Snapshot, error) {
	views, err := newRollUps(files, math.MaxInt64, zap.NewNop()).follow(ctx, s)
	if err != nil {
		return nil, err
	}
	return newSnapshot(s, views, newWalks(files, math.MaxInt64, zap.NewNop()).follow(s, nil, nil), nil), nil
}

func newSnapshot(s *manifest.Snapshot, views map[int64]*rollup.View, walks map[int64]*projectWalk, before map[int64]*people) *Snapshot {
	return &Snapshot{Snapshot: s, rollUps: views, walks: walks, people: peopleOf(s, before)}
}

// WithPersons returns the same events with other persons, by project, in place of those
// that it has of all projects.
func (s *Snapshot) WithPersons(of map[int64]*persons.Map) *Snapshot {
	other := *s
	other.Snapshot = s.Snapshot.WithPersons(of)
	other.people = peopleOf(other.Snapshot, s.people)
	return &other
}

// RollUp returns the roll-up of a project's events, whose users are persons, or nil when it is not
// available: because a file is damaged, memory is short or a segment has none.
func (s *Snapshot) RollUp(project int64) *rollup.View {
	if len(s.Segments(project, time.Time{}, time.Time{})) == 0 {
		return &rollup.View{}
	}
	return s.people[project].inRollUp(s.rollUps[project])
}

// Walk returns the events of a project by user, who are persons, or nil when they are not available right
// now: because a file is damaged, too much of them is still to be checked, or a segment
// has none. The files of the view are those of all of the project's Segments, in order.
func (s *Snapshot) Walk(project int64) *walk.View {
	if p := s.walks[project]; p != nil {
		return s.people[project].inWalk(p.ready())
	}
	return walk.NewView(nil)
}

// Fetch has what Walk needs of a bucket in the folder, if it can be fetched in some seconds,
// and before ctx ends, and says whether it has.
func (s *Snapshot) Fetch(ctx context.Context, project int64) bool {
	p := s.walks[project]
	return p == nil || p.fetch(ctx)
}

// OpenWalk is Walk for questions that no other engine answers: it checks whatever is
// left to check, and makes in memory what is damaged or missing. The error is
// segment.ErrQuarantined or segment.ErrOutdated when it takes more memory than there is
// for that, or what it is made of is not available either.
func (s *Snapshot) OpenWalk(ctx context.Context, project int64) (*walk.View, error) {
	if p := s.walks[project]; p != nil {
		view, err := p.orMade(ctx)
		return s.people[project].inWalk(view), err
	}
	return walk.NewView(nil), nil
}

// WithoutWalk returns the number of projects with events that Walk would not return at
// once.
func (s *Snapshot) WithoutWalk() (n int) {
	for _, p := range s.walks {
		if !p.has() {
			n++
		}
	}
	return n
}

// WithoutRollUp returns the number of projects with events and without a roll-up.
func (s *Snapshot) WithoutRollUp() int { return len(s.walks) - len(s.rollUps) }
