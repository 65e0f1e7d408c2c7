package warehouse

import (
	"slices"
	"time"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/warehouse/rollup"
)

// Snapshot is one version of the manifest. It does not change: any number of
// queries may use it at the same time.
type Snapshot struct {
	// Version rises with every change of the manifest.
	Version int64
	// Position up to which the outbox is in the segments.
	Position outbox.Position
	// CompleteUntil is an instant of the database's clock: every event
	// acknowledged before it is in the segments.
	CompleteUntil time.Time

	segments map[int64][]Segment // live ones by project, in the order of their ids
	versions map[int64]int64     // by project
	rollUps  map[int64]*rollup.View
}

// NewSnapshot makes a snapshot of live segments. projectVersions has the
// version that last added events to a project.
func NewSnapshot(version int64, position outbox.Position, completeUntil time.Time, segments []Segment, projectVersions map[int64]int64) *Snapshot {
	s := &Snapshot{
		Version: version, Position: position, CompleteUntil: completeUntil,
		segments: map[int64][]Segment{}, versions: projectVersions,
	}
	for _, segment := range segments {
		s.segments[segment.ProjectID] = append(s.segments[segment.ProjectID], segment)
	}
	return s
}

// ProjectVersion returns the version that last added events to a project, or 0
// for a project without events. Answers over all of a project's events change
// only with it.
func (s *Snapshot) ProjectVersion(project int64) int64 { return s.versions[project] }

// Segments returns the project's segments that may hold events in [from, to);
// a zero from or to does not bound. The caller must not change the result.
func (s *Snapshot) Segments(project int64, from, to time.Time) []Segment {
	all := s.segments[project]
	outside := func(g Segment) bool {
		return !from.IsZero() && g.MaxAt.Before(from) || !to.IsZero() && !g.MinAt.Before(to)
	}
	if !slices.ContainsFunc(all, outside) {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), outside)
}

// Live returns the number of segments.
func (s *Snapshot) Live() int {
	n := 0
	for _, segments := range s.segments {
		n += len(segments)
	}
	return n
}

// RollUp returns the roll-up of a project's events, or nil when there is none to
// be had: because a file is damaged, memory is short or a segment has none.
func (s *Snapshot) RollUp(project int64) *rollup.View {
	if len(s.segments[project]) == 0 {
		return &rollup.View{}
	}
	return s.rollUps[project]
}

// WithoutRollUp returns the number of projects with events and without a roll-up.
func (s *Snapshot) WithoutRollUp() int { return len(s.segments) - len(s.rollUps) }

// at returns the same segments with another completeness.
func (s *Snapshot) at(completeUntil time.Time) *Snapshot {
	later := *s
	later.CompleteUntil = completeUntil
	return &later
}

// with returns the same snapshot with roll-ups.
func (s *Snapshot) with(rollUps map[int64]*rollup.View) *Snapshot {
	full := *s
	full.rollUps = rollUps
	return &full
}
