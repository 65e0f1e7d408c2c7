package walk_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/property"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/pkg/warehouse/walk/walktest"
)

// visited is an event that a walk gave.
type visited struct {
	user uint32
	us   int64
	kind string
	file uint32
	row  uint32
}

// walked returns what a walk gives, by ascending keys.
func walked(t *testing.T, v *walk.View, p walk.Period, options ...walk.Option) []visited {
	t.Helper()
	var mu sync.Mutex
	byUser := map[uint32][]visited{}
	err := v.Walk(t.Context(), p, func() walk.Visitor {
		last := int64(-1)
		return func(u *walk.User) error {
			if int64(u.Key) <= last || len(u.Events) == 0 {
				return fmt.Errorf("user %d with %d events after %d", u.Key, len(u.Events), last)
			}
			last = int64(u.Key)
			mu.Lock()
			defer mu.Unlock()
			if byUser[u.Key] != nil {
				return fmt.Errorf("user %d comes twice", u.Key)
			}
			for _, e := range u.Events {
				byUser[u.Key] = append(byUser[u.Key], visited{u.Key, e.Us, v.Types()[e.Type], e.File, v.Files()[e.File].Row(e.At)})
			}
			return nil
		}
	}, options...)
	require.NoError(t, err)
	var all []visited
	for user := range v.Users() {
		all = append(all, byUser[user]...)
	}
	return all
}

// naive sorts the events of segments that hold.
func naive(segments [][]walk.Source, holds func(walk.Source) bool) []visited {
	type event struct {
		visited
		id uuid.UUID
	}
	var all []event
	for file, events := range segments {
		for row, e := range events {
			if holds(e) {
				all = append(all, event{visited{e.User, e.Us, e.Type, uint32(file), uint32(row)}, e.ID})
			}
		}
	}
	slices.SortFunc(all, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.user, b.user), cmp.Compare(a.us, b.us), strings.Compare(a.kind, b.kind), bytes.Compare(a.id[:], b.id[:]))
	})
	var events []visited
	for _, e := range all {
		events = append(events, e.visited)
	}
	return events
}

// values are JSON of every kind.
var values = []string{
	`"UA"`, `""`, `"a\"b"`, `"\u00e9\ud83d\ude00"`, `"é"`, `10`, `10.0`, `1e1`, `-0`, `0.1`, `1.50`, `9007199254740993`,
	`123456789012345678901234567890`, `1e300`, `1e-300`, `true`, `false`, `null`, `[]`, `{}`, `[1, "x"]`, `{"a" : {"b":1.0}}`,
	`"10"`, `"10.0"`,
}

func randomID(r *rand.Rand) (id uuid.UUID) {
	for i := range id {
		id[i] = byte(r.Uint32())
	}
	return id
}

func randomProperties(r *rand.Rand) string {
	if r.IntN(5) == 0 {
		return ""
	}
	var members []string
	for _, key := range []string{"country", "price", "", `a"b`, "n.x", "id"} {
		switch {
		case r.IntN(3) == 0:
		case key == "id":
			members = append(members, fmt.Sprintf(`"id":"%s"`, strings.Repeat(randomID(r).String(), 10)))
		default:
			members = append(members, fmt.Sprintf("%q : %s", key, values[r.IntN(len(values))]))
		}
	}
	return "{" + strings.Join(members, " , ") + "}"
}

// randomSegments have users with few and with many events, ties in time and type within
// and across segments, and times that overlap.
func randomSegments(r *rand.Rand) [][]walk.Source {
	segments := make([][]walk.Source, 1+r.IntN(5))
	users := 1 + r.IntN(400)
	unit := []int64{1, 1_000, 1_000_000, 86_400_000_000}[r.IntN(4)]
	types := []string{"open", "view", "buy", "über", "a"}
	if r.IntN(4) == 0 { // more than a byte has
		for i := range 300 {
			types = append(types, fmt.Sprint("t", i))
		}
	}
	for i := range segments {
		first := int64(r.IntN(50))*unit - 20*unit
		for range 1 + r.IntN(800) {
			e := walk.Source{
				User: uint32(r.IntN(users)) * uint32(1+r.IntN(2)*1000), Us: first + int64(r.IntN(40))*unit,
				Type: types[r.IntN(len(types))], ID: randomID(r), Properties: randomProperties(r),
			}
			if r.IntN(10) == 0 {
				e.User = 7
			}
			segments[i] = append(segments[i], e)
		}
	}
	return segments
}

func TestWalkIsASort(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		segments := randomSegments(r)
		var files []*walk.File
		for _, events := range segments {
			files = append(files, walktest.File(t, events...))
		}
		v := walk.NewView(files)
		requireSort(t, seed, r, v, segments)
	}
}

// requireSort compares walks with a sort of events, and returns a period and types that it
// asked for.
func requireSort(t *testing.T, seed uint64, r *rand.Rand, v *walk.View, segments [][]walk.Source) (p walk.Period, wanted []bool) {
	t.Helper()
	require.Equal(t, naive(segments, func(walk.Source) bool { return true }), walked(t, v, walk.AllTime), "seed %d", seed)

	p.From = int64(r.IntN(100)-40) * 1_000_000
	p.To = p.From + int64(r.IntN(60))*1_000_000
	from := uint32(r.IntN(300))
	to := from + uint32(r.IntN(300))
	wanted = make([]bool, len(v.Types()))
	for i := range wanted {
		wanted[i] = r.IntN(2) == 0
	}
	want := naive(segments, func(e walk.Source) bool {
		number, _ := slices.BinarySearch(v.Types(), e.Type)
		return e.Us >= p.From && e.Us < p.To && e.User >= from && e.User < to && wanted[number]
	})
	require.Equal(t, want, walked(t, v, p, walk.OfUsers(from, to), walk.OfTypes(wanted)), "seed %d", seed)

	some := func(user uint32) bool { return user%uint32(2+seed%5) == 1 }
	want = naive(segments, func(e walk.Source) bool { return e.Us >= p.From && e.Us < p.To && some(e.User) })
	require.Equal(t, want, walked(t, v, p, walk.Only(some)), "seed %d", seed)
	return p, wanted
}

// Users with more events than a batch holds, of which some are late.
func TestWalkOfLargeUsers(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 5))
	segments := make([][]walk.Source, 3)
	for i := range 150_000 {
		e := walk.Source{User: uint32(r.IntN(2)) * 1_000_000, Us: int64(i), Type: []string{"a", "b"}[r.IntN(2)], ID: randomID(r)}
		if r.IntN(20) == 0 {
			e.User = uint32(r.IntN(2_000_000))
		}
		file := i / 50_000
		if r.IntN(1000) == 0 {
			file = 2
		}
		segments[file] = append(segments[file], e)
	}
	var files []*walk.File
	for _, events := range segments {
		files = append(files, walktest.File(t, events...))
	}
	v := walk.NewView(files)
	require.True(t, slices.Equal(naive(segments, func(walk.Source) bool { return true }), walked(t, v, walk.AllTime)))
	p := walk.Period{From: 100, To: 120_000}
	want := naive(segments, func(e walk.Source) bool { return e.Us >= p.From && e.Us < p.To && e.Type == "b" })
	require.True(t, slices.Equal(want, walked(t, v, p, walk.OfTypes([]bool{false, true}))))
}

func TestColumnsAreTheJSON(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		events := randomSegments(rand.New(rand.NewPCG(seed, 2)))[0]
		events[0].Properties = `{"price":1,"price":2}` // is refused today; the first counts
		f := walktest.File(t, events...)
		for _, key := range []string{"country", "price", "", `a"b`, "n.x", "id", "unheard of"} {
			c, known := f.Column(key)
			if key == "id" && len(events) > 500 {
				require.False(t, known, "each event has another")
			}
			if !known {
				require.Equal(t, "id", key)
				continue
			}
			require.True(t, c.Value(0).Missing())
			for at := range uint32(f.Events()) {
				want := property.Find(events[f.Row(at)].Properties, []string{key})
				require.Equal(t, want, c.Value(c.Code(at)), "%q of %s", key, events[f.Row(at)].Properties)
			}
		}
	}
}

// formEvents have properties that files keep in each form: each event has app; only every
// third has a page, of which there are some hundreds with long beginnings, and an amount;
// each user one plan, but for a few events.
func formEvents(r *rand.Rand, n int) (events []walk.Source) {
	for i := range n {
		e := walk.Source{User: uint32(r.IntN(n / 50)), Us: int64(i) * 1_000_000, Type: "a", ID: randomID(r)}
		plan := e.User * 7919 % 3
		if r.IntN(1000) == 0 {
			plan = 3
		}
		e.Properties = fmt.Sprintf(`{"app":%d`, r.IntN(60))
		if i%3 == 0 {
			page := strings.Repeat("/a long path", 12) + strings.Repeat("x", r.IntN(100))
			e.Properties += fmt.Sprintf(`,"page":"%s/%d","amount":%d.5`, page, r.IntN(2), r.IntN(60))
		}
		if plan > 0 {
			e.Properties += fmt.Sprintf(`,"plan":"plan %d"`, plan)
		}
		e.Properties += "}"
		events = append(events, e)
	}
	return events
}

// Of formEvents the times take 15 bits, the rows 15, users and marks about 4, codes of apps
// and pages 6 and 3, and amounts 2: as many bytes for each code would be 12 bytes.
func TestFormsOfColumns(t *testing.T) {
	t.Parallel()
	events := formEvents(rand.New(rand.NewPCG(1, 8)), 20_480)
	data, err := walk.Encode(1, events)
	require.NoError(t, err)
	require.Less(t, float64(len(data))/float64(len(events)), 6.5)
	f, err := walk.Read(data)
	require.NoError(t, err)
	for _, key := range []string{"app", "page", "amount", "plan"} {
		c, known := f.Column(key)
		require.True(t, known)
		for at := range uint32(f.Events()) {
			want := property.Find(events[f.Row(at)].Properties, []string{key})
			require.Equal(t, want, c.Value(c.Code(at)))
		}
		for code := 2; code < c.Len(); code++ {
			require.Less(t, c.Value(uint32(code-1)).JSON(), c.Value(uint32(code)).JSON())
		}
	}
}

// Rows that are in the order of a Parquet file take less, and any others are as right.
func TestRowsFromTheirBases(t *testing.T) {
	t.Parallel()
	const day = 86_400_000_000
	r := rand.New(rand.NewPCG(1, 9))
	var events []walk.Source
	for range 20_000 {
		at := int64(r.IntN(30)-10)*day + r.Int64N(day)
		events = append(events, walk.Source{User: uint32(r.IntN(500)), Us: at, Type: string(rune('a' + r.IntN(8))), ID: randomID(r)})
	}
	size := func() int {
		data, err := walk.Encode(1, events)
		require.NoError(t, err)
		f, err := walk.Read(data)
		require.NoError(t, err)
		want := naive([][]walk.Source{events}, func(walk.Source) bool { return true })
		require.True(t, slices.Equal(want, walked(t, walk.NewView([]*walk.File{f}), walk.AllTime)))
		return len(data)
	}
	mixed := size()
	dayOf := func(e walk.Source) int64 { return calendar.FloorDiv(e.Us, day) }
	slices.SortFunc(events, func(a, b walk.Source) int { return cmp.Compare(dayOf(a), dayOf(b)) })
	byDay := size()
	slices.SortFunc(events, func(a, b walk.Source) int {
		return cmp.Or(cmp.Compare(dayOf(a), dayOf(b)), cmp.Compare(a.Type, b.Type), cmp.Compare(a.User, b.User), cmp.Compare(a.Us, b.Us))
	})
	byType := size()
	require.Less(t, byDay, mixed-len(events)/3) // 10 bits, not 15
	require.Less(t, byType, byDay-len(events)/4)
}

func TestWalkStops(t *testing.T) {
	t.Parallel()
	var events []walk.Source
	for i := range 100_000 {
		events = append(events, walk.Source{User: uint32(i % 50_000), Us: int64(i), Type: "a", ID: uuid.New()})
	}
	v := walk.NewView([]*walk.File{walktest.File(t, events...)})

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	none := func() walk.Visitor { return func(*walk.User) error { return nil } }
	require.ErrorIs(t, v.Walk(ctx, walk.AllTime, none), context.Canceled)
	require.ErrorIs(t, v.Walk(t.Context(), walk.AllTime, none, walk.AtMost(1)), walk.ErrTooMany)
	require.NoError(t, v.Walk(t.Context(), walk.AllTime, none, walk.AtMost(2)))
	ctx, cancel = context.WithCancel(t.Context())
	require.ErrorIs(t, v.Walk(ctx, walk.AllTime, func() walk.Visitor {
		return func(*walk.User) error {
			cancel()
			<-ctx.Done()
			return nil
		}
	}), context.Canceled)
	err := fmt.Errorf("mine")
	require.ErrorIs(t, v.Walk(t.Context(), walk.AllTime, func() walk.Visitor { return func(*walk.User) error { return err } }), err)
	require.NoError(t, walk.NewView(nil).Walk(t.Context(), walk.AllTime, none))
	require.NoError(t, v.Walk(t.Context(), walk.Period{From: 100_000, To: math.MaxInt64}, func() walk.Visitor { panic("there is none") }))
}

// Where ids must be read, each file's are read together, and known in the next walk.
func TestIDsOfTiesAreReadOnce(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 6))
	segments := make([][]walk.Source, 3)
	for i := range 60_000 {
		file := i % 3
		segments[file] = append(segments[file], walk.Source{User: uint32(i / 3), Us: int64(r.IntN(2)), Type: "a", ID: randomID(r)})
	}
	var reads atomic.Int64
	var files []*walk.File
	for _, events := range segments {
		f := walktest.File(t, events...)
		ids := f.IDs
		f.IDs = func(rows []uint32) ([]uuid.UUID, error) {
			reads.Add(1)
			return ids(rows)
		}
		files = append(files, f)
	}
	v := walk.NewView(files)
	for i, p := range []walk.Period{{From: 0, To: 1}, {From: 1, To: 2}, walk.AllTime} {
		want := naive(segments, func(e walk.Source) bool { return e.Us >= p.From && e.Us < p.To })
		require.True(t, slices.Equal(want, walked(t, v, p)))
		require.Equal(t, []int64{3, 6, 6}[i], reads.Load())
	}

	files[1].IDs = func([]uint32) ([]uuid.UUID, error) { return nil, os.ErrNotExist }
	none := func() walk.Visitor { return func(*walk.User) error { return nil } }
	require.NoError(t, v.Walk(t.Context(), walk.AllTime, none))
	fresh := walk.NewView([]*walk.File{walktest.File(t, segments[0]...), walktest.File(t, segments[1]...)})
	fresh.Files()[0].IDs = func([]uint32) ([]uuid.UUID, error) { return nil, os.ErrNotExist }
	require.ErrorIs(t, fresh.Walk(t.Context(), walk.AllTime, none), os.ErrNotExist)
	fresh.Files()[0].IDs = nil
	require.ErrorContains(t, fresh.Walk(t.Context(), walk.AllTime, none), "event_id")
}
