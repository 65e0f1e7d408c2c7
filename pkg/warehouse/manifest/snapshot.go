package manifest

import (
	"iter"
	"slices"
	"time"

	"eventanalytics/pkg/identity/links"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/warehouse/persons"
	"eventanalytics/pkg/warehouse/segment"
)

// Snapshot is one version of the manifest. It does not change: any number of
// queries may use it at the same time.
type Snapshot struct {
	// Version rises with every change of the list of segments.
	Version int64
	// Position up to which the outbox is in the segments.
	Position outbox.Position
	// CompleteUntil is an instant of the database's clock: every event
	// acknowledged before it is in the segments.
	CompleteUntil time.Time

	projects map[int64]project
	persons  map[int64]*persons.Map  // by project
	links    map[int64]*links.Active // that persons are made of
	mark     Mark
}

// NewSnapshot makes a snapshot of live segments, those of each project in the order of
// their ids. projectVersions has the version that last added events to a project.
func NewSnapshot(version int64, position outbox.Position, completeUntil time.Time, segments []segment.Segment, projectVersions map[int64]int64) *Snapshot {
	byProject := map[int64][]segment.Segment{}
	for _, g := range segments {
		byProject[g.ProjectID] = append(byProject[g.ProjectID], g)
	}
	s := &Snapshot{Version: version, Position: position, CompleteUntil: completeUntil, projects: make(map[int64]project, len(byProject))}
	for id, version := range projectVersions {
		s.projects[id] = project{version, noSegments}
	}
	for id, segments := range byProject {
		s.projects[id] = project{projectVersions[id], newList(segments)}
	}
	return s
}

// Projects are those with segments, in no order.
func (s *Snapshot) Projects() iter.Seq[int64] { return s.Differing(nil) }

// Differing are the projects, in no order, whose segments may be others than those of a
// snapshot before, also those that have none any more. Without one before, which is nil,
// these are all with segments.
func (s *Snapshot) Differing(before *Snapshot) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for id, p := range s.projects {
			if p.list != before.listOf(id) && (len(p.segments) > 0 || len(before.listOf(id).segments) > 0) && !yield(id) {
				return
			}
		}
		if before == nil {
			return
		}
		for id, p := range before.projects {
			if _, still := s.projects[id]; !still && len(p.segments) > 0 && !yield(id) {
				return
			}
		}
	}
}

// Diff returns the segments of a project that left since a snapshot before, nil for none,
// and those that came or have other files.
func (s *Snapshot) Diff(before *Snapshot, project int64) (left, came []segment.Segment) {
	return Difference(before.listOf(project).segments, s.listOf(project).segments)
}

var noSegments = &list{}

// listOf returns the segments of a project. It works on nil, which has none.
func (s *Snapshot) listOf(project int64) *list {
	if s == nil || s.projects[project].list == nil {
		return noSegments
	}
	return s.projects[project].list
}

// ProjectVersion returns the version that last added events to a project, or 0
// for a project without events. Answers over all of a project's events change
// only with it.
func (s *Snapshot) ProjectVersion(project int64) int64 { return s.projects[project].version }

// Persons returns which user keys of a project belong to the person of another key, nil
// where each is a person of its own.
func (s *Snapshot) Persons(project int64) *persons.Map { return s.persons[project] }

// Linked is the position of the last change of links between a project's ids that persons
// are made of; zero where none was ever linked.
func (s *Snapshot) Linked(project int64) links.Position {
	if of := s.links[project]; of != nil {
		return of.Position
	}
	return links.Position{}
}

// WithPersons returns the same segments with other persons, by project, in place of those
// that it has of all projects. The caller must not change them later.
func (s *Snapshot) WithPersons(of map[int64]*persons.Map) *Snapshot {
	other := *s
	other.persons = of
	return &other
}

// Segments returns the project's segments that may hold events in [from, to), in
// the order of their ids; a zero from or to does not bound. The caller must not
// change the result.
func (s *Snapshot) Segments(project int64, from, to time.Time) []segment.Segment {
	all := slices.Clip(s.listOf(project).segments) // behind them are those of later snapshots
	outside := func(g segment.Segment) bool {
		return !from.IsZero() && g.MaxAt.Before(from) || !to.IsZero() && !g.MinAt.Before(to)
	}
	if !slices.ContainsFunc(all, outside) {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), outside)
}

// All are the live segments of all projects.
func (s *Snapshot) All() iter.Seq[segment.Segment] {
	return func(yield func(segment.Segment) bool) {
		for _, p := range s.projects {
			for _, g := range p.segments {
				if !yield(g) {
					return
				}
			}
		}
	}
}

// Live returns the number of segments.
func (s *Snapshot) Live() int {
	n := 0
	for _, p := range s.projects {
		n += len(p.segments)
	}
	return n
}

// at returns the same segments with another completeness.
func (s *Snapshot) at(completeUntil time.Time) *Snapshot {
	later := *s
	later.CompleteUntil = completeUntil
	return &later
}
