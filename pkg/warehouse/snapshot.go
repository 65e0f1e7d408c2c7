package warehouse

import (
	"slices"
	"time"

	"eventanalytics/pkg/outbox"
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
	damaged  map[string]error    // by path: segments that must not be read
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

// Quarantined returns the number of segments that must not be read.
func (s *Snapshot) Quarantined() int { return len(s.damaged) }

// at returns the same segments with another completeness.
func (s *Snapshot) at(completeUntil time.Time) *Snapshot {
	later := *s
	later.CompleteUntil = completeUntil
	return &later
}

// without returns the same snapshot with damaged segments quarantined.
func (s *Snapshot) without(damaged map[string]error) *Snapshot {
	marked := *s
	marked.damaged = damaged
	return &marked
}
