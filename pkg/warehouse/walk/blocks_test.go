package walk_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/pkg/warehouse/walk/walktest"
)

// collector keeps the events of blocks.
type collector struct {
	t      *testing.T
	v      *walk.View
	all    *[]visited
	leaves func(file, row uint32) bool // these out; nil: none
	early  int                         // what it asks for before: 1 times, 2 types
	keys   []uint32
	room   []int
	mine   []visited
}

func (c *collector) Begin(keys []uint32, room []int) { c.keys, c.room = keys, slices.Clone(room) }

func (c *collector) Choose(b *walk.Block) {
	switch c.early {
	case 1:
		b.Us()
	case 2:
		b.Types()
	}
	if c.leaves == nil {
		return
	}
	var kept []uint32
	for i, at := range b.At {
		if !c.leaves(b.File, c.v.Files()[b.File].Row(at)) {
			kept = append(kept, uint32(i))
		}
	}
	b.Keep(kept)
}

func (c *collector) Block(b *walk.Block) error {
	us, types := b.Us(), b.Types()
	for i, slot := range b.Slots {
		c.room[slot]--
		e := visited{c.keys[slot], us[i], c.v.Types()[types[i]], b.File, c.v.Files()[b.File].Row(b.At[i])}
		c.mine = append(c.mine, e)
	}
	for _, room := range c.room {
		require.GreaterOrEqual(c.t, room, 0)
	}
	return nil
}

var collecting sync.Mutex

func (c *collector) End() error {
	collecting.Lock()
	defer collecting.Unlock()
	*c.all = append(*c.all, c.mine...)
	c.mine = c.mine[:0]
	return nil
}

// sorted are events in an order that does not need ids.
func sorted(events []visited) []visited {
	slices.SortFunc(events, func(a, b visited) int {
		return cmp.Or(cmp.Compare(a.user, b.user), cmp.Compare(a.us, b.us), strings.Compare(a.kind, b.kind), cmp.Compare(a.file, b.file), cmp.Compare(a.row, b.row))
	})
	return events
}

// Blocks have the events of a walk, but for those that were left out, whatever a visitor
// asks for and when.
func TestBlocksAreAWalk(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 6))
		segments := randomSegments(r)
		if seed == 0 { // more of a user than a block has
			for i := range 10_000 {
				segments[0] = append(segments[0], walk.Source{User: 7, Us: int64(i), Type: "open", ID: randomID(r)})
			}
		}
		v := walk.NewView(filesOf(t, segments))
		p := walk.Period{From: int64(r.IntN(100)-40) * 1_000_000}
		p.To = p.From + int64(r.IntN(60))*1_000_000
		if r.IntN(3) == 0 {
			p = walk.AllTime
		}
		wanted := make([]bool, len(v.Types()))
		for i := range wanted {
			wanted[i] = r.IntN(2) == 0
		}
		var options []walk.Option
		if r.IntN(2) == 0 {
			options = append(options, walk.OfTypes(wanted))
		}
		var leaves func(file, row uint32) bool
		want := append([]visited{}, walked(t, v, p, options...)...)
		if some := uint32(r.IntN(4)); some > 0 {
			leaves = func(file, row uint32) bool { return (file+row)%some == 0 }
			want = slices.DeleteFunc(want, func(e visited) bool { return leaves(e.file, e.row) })
		}
		got := []visited{}
		early := r.IntN(3)
		require.NoError(t, v.WalkBlocks(t.Context(), p, func() walk.BlockVisitor {
			return &collector{t: t, v: v, all: &got, leaves: leaves, early: early}
		}, options...))
		require.Equal(t, sorted(want), sorted(got), "seed %d", seed)
	}
}

func filesOf(t *testing.T, segments [][]walk.Source) (files []*walk.File) {
	t.Helper()
	for _, events := range segments {
		files = append(files, walktest.File(t, events...))
	}
	return files
}

// The last and first events of users that have something are those of a walk, also where
// only ids tell which of several it is.
func TestEndsAreThoseOfAWalk(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 7))
		segments := randomSegments(r)
		v := walk.NewView(filesOf(t, segments))
		p := walk.AllTime
		if r.IntN(2) == 0 {
			p.To = int64(r.IntN(60)-20) * 1_000_000
		}
		some := uint32(1 + r.IntN(4)) // one event in so many has it
		has := func(e *walk.Event) bool { return (e.At+e.File)%some == 0 }
		for _, first := range []bool{false, true} {
			want := map[uint32]walk.Event{}
			var mu sync.Mutex
			require.NoError(t, v.Walk(t.Context(), p, func() walk.Visitor {
				return func(u *walk.User) error {
					mu.Lock()
					defer mu.Unlock()
					for _, e := range u.Events {
						if _, known := want[u.Key]; has(&e) && (!first || !known) {
							e.Type = 0
							want[u.Key] = e
						}
					}
					return nil
				}
			}))
			got := map[uint32]walk.Event{}
			require.NoError(t, v.Ends(t.Context(), p, first, has, func(user uint32, e *walk.Event) {
				mu.Lock()
				defer mu.Unlock()
				if _, twice := got[user]; twice {
					t.Errorf("user %d was found twice", user)
				}
				found := *e
				found.Type = 0
				got[user] = found
			}))
			require.Equal(t, want, got, "seed %d", seed)
		}
	}
}

// The codes of many events are those of each, in each form of column.
func TestCodesOfManyEvents(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 8))
	f := walktest.File(t, formEvents(r, 5000)...)
	for _, key := range []string{"app", "page", "amount", "plan", "unheard of"} {
		c, known := f.Column(key)
		require.True(t, known, key)
		for range 20 { // some with gaps, and some without
			gaps, at, want := r.IntN(3), []uint32{}, []uint32{}
			from := uint32(r.IntN(f.Events()))
			for one := from; one < from+uint32(r.IntN(f.Events()-int(from))); one++ {
				if r.IntN(3) >= gaps {
					at, want = append(at, one), append(want, c.Code(one))
				}
			}
			require.Equal(t, want, c.AppendCodes([]uint32{}, at), key)
		}
		values := c.Values()
		for code := 1; code < c.Len(); code++ {
			json, ok := values.Next()
			require.True(t, ok, key)
			require.Equal(t, c.Value(uint32(code)).JSON(), string(json), key)
		}
		_, ok := values.Next()
		require.False(t, ok, key)
	}
}
