package engine

import (
	"time"

	"eventanalytics/pkg/syntax"
)

// Paths asks where users go: from which node to which at each step of their paths. Users'
// events are in the order of OccurredAt, event type and event id.
//
// A path begins with the first event that passes the filter in each session that begins in
// the range or, with Start, with each event in the range that fits it and is not on a path
// begun before. It goes through the events that pass to the end of the session or, with
// Within, those at most so long after the first. It ends with its last node, of Steps; with
// End at the first event behind the first one that fits it, and paths without one do not
// count.
type Paths struct {
	Scope
	Range              // also the end of the user's history, as in Tally
	Unit  syntax.Field // what has paths, as in Sessions
	Node  syntax.Field
	Steps int // at least 2
	// Start and End have no unit of their own.
	Start, End *Series
	Within     time.Duration // 0: to the end of the session
	Gap        time.Duration // of sessions
	// Top is how many nodes are told apart at each step: those of the most paths; of equal
	// ones the first by code points, a missing value last.
	Top     int
	Repeats bool // neighbours with the same node are several, not one
}

// Place is where a path is at a step.
type Place int

// The places, in their order.
const (
	AtNode Place = iota // one of those that are told apart
	Others              // one of the others
	Ended               // nowhere: the path has ended before
)

// PathNode is a place, with its value if it is AtNode.
type PathNode struct {
	Place
	Text // missing unless it is AtNode
}

// PathLink is how many paths, and of how many users, go from a node at a step to one at the
// next, or end. Links come by step, paths, descending, source and target: by place, then by
// value, a missing one last.
type PathLink struct {
	Step           int // of the source, from 1
	Source, Target PathNode
	Paths, Users   int64
}
