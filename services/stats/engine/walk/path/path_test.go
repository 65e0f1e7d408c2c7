package path_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/oracle"
	"eventanalytics/services/stats/engine/walk/path"
)

// day is that of the range.
const day = "2025-08-04"

// history is what a user did, for the finder and for the oracle: types are nodes, and s, e
// and x in the properties say that the event starts, ends and is left out.
type history struct {
	events []path.Event
	naive  []oracle.Event
}

func random(r *rand.Rand) history {
	var h history
	at := time.Date(2025, 8, 3, 22, 0, 0, 0, time.UTC).Add(time.Duration(r.IntN(120)) * time.Minute)
	for i := range 1 + r.IntN(14) {
		at = at.Add(time.Duration([]int{0, 0, 1, 5, 29, 30, 31, 90, 700}[r.IntN(9)]) * time.Minute)
		node := r.IntN(3)
		e := path.Event{Us: at.UnixMicro(), Node: uint32(node)}
		properties := "{"
		if at.Format(time.DateOnly) == day {
			e.Flags |= path.InRange
		}
		if r.IntN(5) > 0 {
			e.Flags |= path.Passes
			properties += `"p":1,`
			if r.IntN(3) == 0 {
				e.Flags |= path.Starts
				properties += `"s":1,`
			}
			if r.IntN(4) == 0 {
				e.Flags |= path.Ends
				properties += `"e":1,`
			}
		}
		h.events = append(h.events, e)
		// Ids are in the order of the events, and types are not compared.
		h.naive = append(h.naive, oracle.Event{ID: fmt.Sprintf("%03d", i), UserID: "a", At: at, Properties: properties + `"node":` + strconv.Itoa(node) + "}"})
	}
	return h
}

func has(key string) oracle.Filter {
	return oracle.Condition{Field: oracle.Field{Source: "properties", Keys: []string{key}}, Op: "exists"}
}

func rule(r *rand.Rand) (path.Rule, oracle.Paths) {
	gap := time.Duration(1+r.IntN(40)) * time.Minute
	rule := path.Rule{Steps: 2 + r.IntN(4), Gap: gap.Microseconds(), Repeats: r.IntN(3) == 0}
	q := oracle.Paths{
		Scope: oracle.Scope{From: day, To: day, Zone: time.UTC, Filter: has("p")},
		Node:  oracle.Field{Source: "properties", Keys: []string{"node"}}, Steps: rule.Steps, Gap: gap, Repeats: rule.Repeats,
	}
	if r.IntN(3) == 0 { // from session's begin to end, which has a way of its own
		return rule, q
	}
	if r.IntN(2) == 0 {
		q.Within = time.Duration(1+r.IntN(200)) * time.Minute
		rule.Within = q.Within.Microseconds()
	}
	if rule.Start = r.IntN(2) == 0; rule.Start {
		q.Start = &oracle.Series{Filter: has("s")}
	}
	if rule.End = r.IntN(3) == 0; rule.End {
		q.End = &oracle.Series{Filter: has("e")}
	}
	return rule, q
}

func find(f *path.Finder, events []path.Event, until int64) (paths []string, enough bool) {
	enough = f.Find(events, until)
	nodes := []uint32{}
	for _, node := range f.Nodes() {
		nodes = append(nodes, node&^path.Last)
		if node&path.Last != 0 {
			paths, nodes = append(paths, fmt.Sprint(nodes)), nil
		}
	}
	return paths, enough
}

// TestFinder compares the paths of random users with the oracle's, with all events there
// and with those before some instant, as long as these are enough.
func TestFinder(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	var f path.Finder
	all, open := 0, 0
	for range 4000 {
		h := random(r)
		var q oracle.Paths
		f.Rule, q = rule(r)
		var want []string
		for _, p := range q.All(h.naive) {
			nodes := []uint32{}
			for _, node := range p.Nodes {
				n, err := strconv.Atoi(*node)
				require.NoError(t, err)
				nodes = append(nodes, uint32(n))
			}
			want = append(want, fmt.Sprint(nodes))
		}
		got, enough := find(&f, h.events, math.MaxInt64/2)
		require.True(t, enough)
		require.ElementsMatch(t, want, got, "%+v %v", f.Rule, h)
		all += len(got)

		n := 1 + r.IntN(len(h.events))
		until := h.events[n-1].Us + int64(r.IntN(40))*60e6
		for n > 0 && h.events[n-1].Us >= until {
			n--
		}
		for n < len(h.events) && h.events[n].Us < until {
			n++
		}
		// No event of the range is left out: that is up to the caller.
		inRange := func(e path.Event) bool { return e.Flags&path.InRange != 0 }
		if n == len(h.events) || slices.ContainsFunc(h.events[n:], inRange) {
			continue
		}
		if part, enough := find(&f, h.events[:n], until); enough {
			require.ElementsMatch(t, want, part, "%+v %v until %d", f.Rule, h, until)
		} else {
			open++
		}
	}
	t.Log(all, "paths,", open, "open")
	require.Greater(t, all, 1000)
	require.Greater(t, open, 20)
}

// TestFinderIsLinear: paths that overlap do not make it slow, however many events with one
// node lie between them.
func TestFinderIsLinear(t *testing.T) {
	t.Parallel()
	const n = 400_000
	events := make([]path.Event, n)
	for i := range events {
		events[i] = path.Event{Us: int64(i) * 61e6, Flags: path.InRange | path.Passes}
	}
	f := path.Finder{Rule: path.Rule{Steps: 20, Within: math.MaxInt64 / 4, Gap: 60e6}}
	paths, enough := find(&f, events, math.MaxInt64/2)
	require.True(t, enough)
	require.Len(t, paths, n)
}
