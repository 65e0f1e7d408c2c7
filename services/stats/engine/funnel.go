package engine

import (
	"time"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/syntax"
)

// Order is that in which the steps of a funnel are reached.
type Order string

// The orders.
const (
	InOrder  Order = "ordered"
	AnyOrder Order = "any"    // step k is k different steps, whichever they are
	Strict   Order = "strict" // no event of the scope lies between those of two steps
)

// Funnel asks how far users get, by the bucket in which they began. An attempt begins with
// an event in the range that fits the first step; with AnyOrder with one that fits any. A
// user counts once in each bucket, by the attempt that began in it and got furthest, of
// several by the earliest.
type Funnel struct {
	Scope
	Range // of the events that attempts begin with; also the end of the user's history, as in Tally
	// Unit is what is counted as a user: a field of the event; the zero value is the user.
	// Events without the value are left out.
	Unit    syntax.Field
	Steps   []syntax.Series // their measures mean nothing
	Exclude []syntax.Exclusion
	Window  time.Duration // from the first step to the last, inclusive
	Order   Order
	// Interval is that of the buckets, or Whole.
	Interval calendar.Unit
	// Breakdown tells users apart, by the event of the step Attribution (from 1, or
	// LastStep): the first at that instant that fits the step. The Top combinations with the
	// most users over the whole range are groups; of equal ones the first are those whose
	// values come first by code points, a missing one last.
	Breakdown   []syntax.Breakdown
	Attribution int
	Top         int
	// Whole asks how long all steps took, in the place of each.
	Whole bool
}

// LastStep is the last step that the attempt reached.
const LastStep = 0

// Funneled is what there is of a funnel. Cells come by bucket, then by group, Rest last,
// and there are none where nobody began. Without a breakdown the group is Rest.
type Funneled struct {
	Ranked
	Cells []FunnelCell
}

// FunnelCell is how far the users got who began in a bucket, of a group.
type FunnelCell struct {
	Bucket int64 // as in Count
	Group  int   // index in Groups, or Rest
	Users  int64 // who began
	// Took has for each step from the second the users who reached it: the microseconds that
	// each took since the step before, in no order. With Funnel.Whole it has one element:
	// what those took from the first step who reached the last.
	Took [][]int64
}
