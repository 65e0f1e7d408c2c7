package walk_test

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/warehouse/persons"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/pkg/warehouse/walk/walktest"
)

func allFiles(uint32) bool { return true }

// latest returns the n latest events that visitors are given which want as many, and those of
// the same instant as the last.
func latest(t *testing.T, n int, v *walk.View, p walk.Period, wanted func(file uint32) bool, options ...walk.Option) []visited {
	t.Helper()
	var parts []*[]visited
	err := v.Latest(t.Context(), p, wanted, func() walk.LatestVisitor {
		part := new([]visited)
		parts = append(parts, part)
		var instants []int64
		return func(e *walk.Event, user func() uint32) (int64, error) {
			*part = append(*part, visited{user(), e.Us, v.Types()[e.Type], e.File, v.Files()[e.File].Row(e.At)})
			if n == math.MaxInt {
				return math.MinInt64, nil
			}
			at, _ := slices.BinarySearchFunc(instants, e.Us, func(a, b int64) int { return cmp.Compare(b, a) })
			instants = slices.Insert(instants, at, e.Us)
			if len(instants) < n {
				return math.MinInt64, nil
			}
			instants = instants[:n]
			return instants[n-1], nil
		}
	}, options...)
	require.NoError(t, err)
	var all []visited
	for _, part := range parts {
		all = append(all, *part...)
	}
	return latestOf(all, n)
}

// latestOf sorts events and returns the n latest, and those of the same instant as the last.
func latestOf(all []visited, n int) []visited {
	all = slices.SortedFunc(slices.Values(all), func(a, b visited) int {
		return cmp.Or(cmp.Compare(b.us, a.us), cmp.Compare(a.file, b.file), cmp.Compare(a.row, b.row))
	})
	for n < len(all) && all[n].us == all[n-1].us {
		n++
	}
	return all[:min(n, len(all))]
}

// TestLatestIsASort compares the latest events with a sort: of some types and files, in some
// period, with users and with persons.
func TestLatestIsASort(t *testing.T) {
	t.Parallel()
	for seed := range uint64(80) {
		r := rand.New(rand.NewPCG(seed, 21))
		segments := randomSegments(r)
		v, as := walk.NewView(filesOf(t, segments)), segments
		if seed%2 == 0 {
			roots := randomLinks(r, segments)
			v, as = v.WithPersons(persons.New(roots)), folded(segments, roots)
		}
		n := 1 + r.IntN(30)
		every := naive(as, func(walk.Source) bool { return true })
		require.Equal(t, latestOf(every, n), latest(t, n, v, walk.AllTime, allFiles), "seed %d", seed)

		p := walk.Period{From: int64(r.IntN(100)-40) * 1_000_000}
		p.To = p.From + int64(r.IntN(60))*1_000_000
		types := make([]bool, len(v.Types()))
		for i := range types {
			types[i] = r.IntN(2) == 0
		}
		some := func(file uint32) bool { return file%3 != uint32(seed%4) }
		want := latestOf(every, len(every))
		want = slices.DeleteFunc(want, func(e visited) bool {
			number, _ := slices.BinarySearch(v.Types(), e.kind)
			return e.us < p.From || e.us >= p.To || !types[number] || !some(e.file)
		})
		require.ElementsMatch(t, latestOf(want, n), latest(t, n, v, p, some, walk.OfTypes(types)), "seed %d", seed)
	}
}

// TestLatestOfManyPieces: the events of a file are looked at in pieces, which begin
// in the middle of a user's.
func TestLatestOfManyPieces(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 22))
	segments := make([][]walk.Source, 3)
	for i := range 300_000 {
		e := walk.Source{User: uint32(r.IntN(2000)), Us: int64(r.IntN(1_000_000)), Type: "a", ID: randomID(r)}
		if r.IntN(3) == 0 {
			e.User = 2_000_000
		}
		if i < 100 {
			e.Us -= 2_000_000
			segments[0] = append(segments[0], e)
		} else {
			segments[1+i%2] = append(segments[1+i%2], e)
		}
	}
	v := walk.NewView(filesOf(t, segments))
	every := naive(segments, func(walk.Source) bool { return true })
	for _, n := range []int{1, 1000, math.MaxInt} {
		require.True(t, slices.Equal(latestOf(every, n), latest(t, n, v, walk.AllTime, allFiles)), "%d", n)
	}
}

// TestSince: after the instant only the files with the latest events have any.
func TestSince(t *testing.T) {
	t.Parallel()
	file := func(times ...int64) *walk.File {
		var events []walk.Source
		for _, us := range times {
			events = append(events, walk.Source{Us: us, Type: "a", ID: uuid.New()})
		}
		return walktest.File(t, events...)
	}
	v := walk.NewView([]*walk.File{file(5, 30), file(1, 10), file(20, 40)})
	require.EqualValues(t, 41, v.Since(0, math.MaxInt64))
	require.EqualValues(t, 31, v.Since(1, math.MaxInt64))
	require.EqualValues(t, 11, v.Since(2, math.MaxInt64))
	require.EqualValues(t, math.MinInt64, v.Since(3, math.MaxInt64))
	require.EqualValues(t, 11, v.Since(1, 20), "the last file begins later")
	require.EqualValues(t, math.MinInt64, v.Since(2, 20))
	require.EqualValues(t, math.MinInt64, walk.NewView(nil).Since(1, math.MaxInt64))
}

// TestIDsOfEvents: they come in the order of the events, of each file from one read.
func TestIDsOfEvents(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 23))
	segments := randomSegments(r)
	v := walk.NewView(filesOf(t, segments))
	var events []walk.Event
	var want []uuid.UUID
	for range 500 {
		file := r.IntN(len(segments))
		at := uint32(r.IntN(len(segments[file])))
		events = append(events, walk.Event{File: uint32(file), At: at})
		want = append(want, segments[file][v.Files()[file].Row(at)].ID)
	}
	for range 2 { // the second time they are known
		got, err := v.IDs(t.Context(), events)
		require.NoError(t, err)
		require.Equal(t, want, got)
		for _, f := range v.Files() {
			f.IDs = nil
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := walk.NewView(filesOf(t, segments)).IDs(ctx, events)
	require.ErrorIs(t, err, context.Canceled)
}

func TestLatestStops(t *testing.T) {
	t.Parallel()
	v := walk.NewView(filesOf(t, randomSegments(rand.New(rand.NewPCG(1, 24)))))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	visit := func(err error) func() walk.LatestVisitor {
		return func() walk.LatestVisitor {
			return func(*walk.Event, func() uint32) (int64, error) { return 0, err }
		}
	}
	require.ErrorIs(t, v.Latest(ctx, walk.AllTime, allFiles, visit(nil)), context.Canceled)
	require.ErrorIs(t, walk.NewView(nil).Latest(ctx, walk.AllTime, allFiles, visit(nil)), context.Canceled)
	require.ErrorIs(t, v.Latest(t.Context(), walk.AllTime, allFiles, visit(walk.ErrTooMany)), walk.ErrTooMany)
}
