package manifest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/warehouse/segment"
)

// A restored database uses the ids again of segments that its dump did not have.
func TestDifference(t *testing.T) {
	t.Parallel()
	listed := func(id int64, path string, users int64) segment.Segment {
		return segment.Segment{ID: id, Path: path, Users: &segment.Companion{Bytes: users}}
	}
	old := []segment.Segment{listed(1, "a", 1), listed(2, "b", 1), listed(3, "c", 1), listed(5, "e", 1)}
	now := []segment.Segment{listed(1, "a", 1), listed(2, "b", 2), listed(4, "d", 1), listed(5, "f", 1)}
	left, came := Difference(old, now)
	require.Equal(t, []segment.Segment{old[2], old[3]}, left)
	require.Equal(t, now[1:], came)
}

// Lists share memory, and two that were made of the same one do not write over each other.
func TestListsDoNotChange(t *testing.T) {
	t.Parallel()
	listed := func(id int64) change { return change{segment.Segment{ID: id}, true} }
	ids := func(l *list) []int64 { return idsOf(l.segments) }
	one := noSegments.with([]change{listed(1), listed(2), listed(3)}) // which leaves room behind them
	two := one.with([]change{listed(4)})
	three := one.with([]change{listed(5), listed(6)})
	four := two.with([]change{listed(7)})
	five := four.with([]change{{segment.Segment{ID: 1}, false}, {segment.Segment{ID: 3}, false}, {segment.Segment{ID: 7}, false}})
	require.Equal(t, []int64{1, 2, 3}, ids(one))
	require.Equal(t, []int64{1, 2, 3, 4}, ids(two))
	require.Equal(t, []int64{1, 2, 3, 5, 6}, ids(three))
	require.Equal(t, []int64{1, 2, 3, 4, 7}, ids(four))
	require.Equal(t, []int64{2, 4}, ids(five))
	require.Same(t, four, four.with([]change{{segment.Segment{ID: 9}, false}}), "it came and went unseen")
	require.Same(t, noSegments, one.with([]change{{segment.Segment{ID: 1}, false}, {segment.Segment{ID: 2}, false}, {segment.Segment{ID: 3}, false}}))
}
