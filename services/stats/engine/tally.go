package engine

import (
	"iter"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/decimal"
	"eventanalytics/pkg/property"
	"eventanalytics/pkg/syntax"
)

// Series says which of a scope's events are counted.
type Series struct {
	Types  []string      // of which an event has one; empty: all
	Filter syntax.Filter // that holds, beside the scope's
	// First is only each user's first event ever (of all time, not of the range) that
	// fits Types, Filter and the scope's filter, in the order of OccurredAt, event type
	// and event id.
	First bool
	// Unit is what is counted as a user: a field of the event; the zero value is the user.
	// Events without the value are left out.
	Unit syntax.Field
}

// Part is what a tally finds out beside the number of events.
type Part int

// The parts.
const (
	OnlyEvents Part = iota
	CountUsers      // Cell.Users
	UserSets        // Cell.Users and Cell.Set
	Numbers         // Cell.Numbers, of Tally.Field
	Sums            // Cell.Sum, of Tally.Field
)

// Tally asks for what there is of a series in each bucket of a range, by group.
type Tally struct {
	Scope
	Range // also the end of the user's history that user.… and first.… fields look at
	Series
	Interval calendar.Unit // of the buckets, or Whole
	// Before adds a cell of the bucket BeforeRange: all events before the range.
	Before    bool
	Breakdown []syntax.Breakdown
	// Groups are told apart; all other combinations of values are in the group Rest.
	Groups []Group
	// Least leaves out of a cell the users with fewer events in it, with what they have;
	// 0 is as 1.
	Least int
	Part  Part
	// Field is that of Numbers and Sums. With CountUsers and UserSets, if it is one, its distinct
	// values are counted in the place of users; events without it still count as events.
	Field syntax.Field
}

// BeforeRange is the bucket of Tally.Before.
const BeforeRange = math.MinInt64

// Rest is the group of a cell that is in none of Tally.Groups.
const Rest = -1

// Group is a combination of values of a breakdown's fields.
type Group []Text

// Text is a value of a field, as text, or none.
type Text struct {
	Value   string
	Missing bool
}

// Compare puts groups in the order of their values by code points, a missing one last.
func (g Group) Compare(other Group) int {
	for i, x := range g {
		if c := x.Compare(other[i]); c != 0 {
			return c
		}
	}
	return 0
}

// Key is a text that no other group has.
func (g Group) Key() string {
	var b []byte
	for _, v := range g {
		b = strconv.AppendBool(b, v.Missing)
		b = strconv.AppendInt(b, int64(len(v.Value)), 10)
		b = append(append(b, ':'), v.Value...)
	}
	return string(b)
}

// Compare goes by code points; a missing value is the last.
func (t Text) Compare(other Text) int {
	switch {
	case t.Missing == other.Missing:
		return strings.Compare(t.Value, other.Value)
	case t.Missing:
		return 1
	}
	return -1
}

// TextOf is the text of a value; ok is false where there is none.
func TextOf(v property.Value) (text string, ok bool) {
	if v.Missing() {
		return "", false
	}
	return v.Text(), true
}

// NumberOf is the canonical text of a JSON number; ok is false for all other values.
func NumberOf(v property.Value) (text string, ok bool) {
	if !v.IsNumber() {
		return "", false
	}
	return v.Text(), true
}

// TextOfInstant is the text of first_seen and last_seen: RFC 3339 in UTC.
func TextOfInstant(us int64) string {
	return time.UnixMicro(us).UTC().Format("2006-01-02T15:04:05.999999Z07:00")
}

// Cell is what there is in a bucket of a group. Cells come by bucket, then by group,
// Rest last, and there are none without events. Without a breakdown the group is Rest.
type Cell struct {
	Bucket int64 // as in Count
	Group  int   // index in Tally.Groups, or Rest
	Events int64
	Users  int64 // of CountUsers and UserSets
	// Set has the users, under numbers that are the same in all scans of one Source that
	// count the same. It must not be changed.
	Set *roaring.Bitmap
	// Numbers are the JSON numbers in Field, ascending.
	Numbers Numbered
	// Sum is that of the JSON numbers in Field.
	Sum *decimal.Sum
}

// Settle leaves a cell whose numbers were added in any order what a part has: their sum, or
// they themselves, ascending.
func (c *Cell) Settle(part Part) {
	if part == Sums {
		c.Sum, c.Numbers = c.Numbers.Sum(), Numbered{}
		return
	}
	sort.Sort(c.Numbers)
}

// Numbered are numbers, and how many events have each. Cells may share the numbers, which
// must not be changed then: of those that a cell does not have there are no events.
type Numbered struct {
	Numbers []decimal.Decimal
	Events  []int64
}

// Add adds a number behind the others.
func (n *Numbered) Add(number decimal.Decimal, events int64) {
	n.Numbers, n.Events = append(n.Numbers, number), append(n.Events, events)
}

// All are the numbers that some events have.
func (n Numbered) All() iter.Seq2[decimal.Decimal, int64] {
	return func(yield func(decimal.Decimal, int64) bool) {
		for i, events := range n.Events {
			if events > 0 && !yield(n.Numbers[i], events) {
				return
			}
		}
	}
}

// Sum adds the numbers up.
func (n Numbered) Sum() *decimal.Sum {
	return decimal.SumOf(len(n.Numbers), func(i int) (decimal.Decimal, int64) { return n.Numbers[i], n.Events[i] })
}

// Len, Less and Swap are for sort.Sort.
func (n Numbered) Len() int { return len(n.Numbers) }

// Less says which is less.
func (n Numbered) Less(i, j int) bool { return decimal.Compare(n.Numbers[i], n.Numbers[j]) < 0 }

// Swap swaps two.
func (n Numbered) Swap(i, j int) {
	n.Numbers[i], n.Numbers[j] = n.Numbers[j], n.Numbers[i]
	n.Events[i], n.Events[j] = n.Events[j], n.Events[i]
}

// Rank asks for the groups that the events of some series fall into over a whole range:
// the first Top by the measure of the first series, highest first, none last; of equal
// ones by the values by code points, a missing one last.
type Rank struct {
	Scope
	Range
	Series    []Series
	Breakdown []syntax.Breakdown
	Measure   syntax.Measure // of the first series
	Top       int
}

// Ranked are the first groups.
type Ranked struct {
	Groups []Group
	More   bool // there are others
}

// TopValues asks for the values of a field that the most events of a series have in a
// range; that it is missing is one of them.
type TopValues struct {
	Scope
	Range // also the end of the user's history, as in Tally
	Series
	Field    syntax.Field
	Contains string // what the value has in it, in upper or lower case; empty: any
	Users    bool   // also the distinct users of each value
	Limit    int    // at least 1
}

// Containing returns what says whether a value has a text in it, in upper or lower case as
// Go has it.
func Containing(text string) func(value string) bool {
	lower := strings.ToLower(text)
	return func(value string) bool { return strings.Contains(strings.ToLower(value), lower) }
}

// ValueEvents is how many events have a value. They come with the most events first, then
// by the value in the order of code points, a missing one last.
type ValueEvents struct {
	Text
	Events int64
	Users  int64 // 0 unless asked for
}
