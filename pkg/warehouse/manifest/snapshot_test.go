package manifest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/warehouse/persons"
	"eventanalytics/pkg/warehouse/segment"
)

func TestSegmentsOfRange(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2025, 8, n, 0, 0, 0, 0, time.UTC) }
	a := segment.Segment{ProjectID: 1, Path: "a", MinAt: day(1), MaxAt: day(3)}
	b := segment.Segment{ProjectID: 1, Path: "b", MinAt: day(5), MaxAt: day(5)}
	c := segment.Segment{ProjectID: 2, Path: "c", MinAt: day(1), MaxAt: day(9)}
	s := NewSnapshot(1, outbox.Position{}, time.Time{}, []segment.Segment{a, b, c}, nil)
	var none time.Time
	require.Equal(t, []segment.Segment{a, b}, s.Segments(1, none, none))
	require.Equal(t, []segment.Segment{a, b}, s.Segments(1, day(3), day(6)))
	require.Equal(t, []segment.Segment{b}, s.Segments(1, day(3).Add(1), none))
	require.Equal(t, []segment.Segment{a}, s.Segments(1, none, day(5)))
	require.Empty(t, s.Segments(1, day(4), day(5)))
	require.Empty(t, s.Segments(3, none, none))
	require.Equal(t, []segment.Segment{a, b}, s.Segments(1, none, none), "the snapshot did not change")
}

func TestSnapshotWithPersons(t *testing.T) {
	t.Parallel()
	s := NewSnapshot(1, outbox.Position{}, time.Time{}, []segment.Segment{{ProjectID: 1, Path: "a"}}, map[int64]int64{1: 7})
	require.Nil(t, s.Persons(1))
	m := persons.New(map[uint32]uint32{2: 1})
	linked := s.WithPersons(map[int64]*persons.Map{1: m})
	require.Same(t, m, linked.Persons(1))
	require.Nil(t, linked.Persons(2))
	require.Equal(t, int64(7), linked.ProjectVersion(1))
	require.Same(t, m, linked.at(time.Unix(1, 0)).Persons(1), "completeness changes, persons stay")
	require.Nil(t, linked.WithPersons(nil).Persons(1))
	require.Nil(t, s.Persons(1), "the snapshot did not change")
}
