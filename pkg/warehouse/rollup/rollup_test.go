package rollup

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
)

// fact is an event as the naive model keeps it.
type fact struct {
	us        int64
	eventType string
	user      uint32
	// properties as JSON, or empty
	properties string
}

type facts []fact

func (all facts) where(periods []Period, match func(string) bool) facts {
	var some facts
	for _, f := range all {
		q := Quarter(calendar.FloorDiv(f.us, QuarterMicros))
		inside := slices.ContainsFunc(periods, func(p Period) bool { return p.From <= q && q < p.To })
		if inside && (match == nil || match(f.eventType)) {
			some = append(some, f)
		}
	}
	return some
}

func (all facts) users() []uint32 {
	users := []uint32{}
	for _, f := range all {
		users = append(users, f.user)
	}
	slices.Sort(users)
	return slices.Compact(users)
}

func (all facts) totals() map[string]Total {
	totals := map[string]Total{}
	for _, f := range all {
		t, ok := totals[f.eventType]
		if !ok {
			t.First, t.Last = f.us, f.us
		}
		totals[f.eventType] = Total{t.Events + 1, min(t.First, f.us), max(t.Last, f.us)}
	}
	return totals
}

// memory is a file that is not on disk.
type memory struct{ data []byte }

type reader struct{ *bytes.Reader }

func (reader) Close() error { return nil }

func (m memory) Open() (ReadAtCloser, error) { return reader{bytes.NewReader(m.data)}, nil }

func build(t testing.TB, all facts) []byte {
	var b Builder
	for _, f := range all {
		b.Add(f.us, f.eventType, f.user, f.properties)
	}
	data, err := b.Bytes(7)
	require.NoError(t, err)
	return data
}

func read(t testing.TB, data []byte) *File {
	f, err := Read(memory{data}, int64(len(data)))
	require.NoError(t, err)
	require.Equal(t, int64(7), f.Project)
	return f
}

type generator struct{ *rand.Rand }

func seeded(t testing.TB) generator {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("SEED"); s != "" {
		_, err := fmt.Sscan(s, &seed)
		require.NoError(t, err)
	}
	t.Logf("SEED=%d", seed)
	return generator{rand.New(rand.NewPCG(seed, 0))}
}

var eventTypes = []string{"a", "b", "c", "signup", "日本"}

// facts come in a few days around 1970, a year and very far away.
func (g generator) facts(n int) facts {
	span := []int64{3, 40, 400}[g.IntN(3)] * dayMicros
	begin := []int64{-dayMicros, 20_000 * dayMicros, -719_162 * dayMicros, 2_932_000 * dayMicros}[g.IntN(4)]
	users := []int{1, 5, 3_000, 200_000}[g.IntN(4)]
	all := make(facts, n)
	for i := range all {
		all[i] = fact{begin + g.Int64N(span), eventTypes[g.IntN(1+g.IntN(len(eventTypes)))], uint32(g.IntN(1 + g.IntN(users))), g.properties()}
		if i > 0 && g.IntN(3) == 0 { // again in the same quarter
			all[i] = all[i-1]
			all[i].us = calendar.FloorDiv(all[i].us, QuarterMicros)*QuarterMicros + g.Int64N(QuarterMicros)
		}
	}
	return all
}

func (g generator) periods(all facts) []Period {
	if g.IntN(6) == 0 {
		return []Period{Always}
	}
	var periods []Period
	at := Quarter(calendar.FloorDiv(all[g.IntN(len(all))].us, QuarterMicros)) - Quarter(g.IntN(200))
	for range 1 + g.IntN(3) {
		if g.IntN(2) == 0 { // whole days
			at = Quarter(calendar.FloorDiv(int64(at)+quartersOfDay-1, quartersOfDay)) * quartersOfDay
		}
		to := at + []Quarter{1, 4, 90, quartersOfDay, 7 * quartersOfDay, 20}[g.IntN(6)]
		periods = append(periods, Period{at, to})
		at = to + Quarter(g.IntN(5))
	}
	return periods
}

func (g generator) match() func(string) bool {
	some := map[string]bool{}
	switch g.IntN(4) {
	case 0:
		return nil
	case 1:
		some[eventTypes[g.IntN(len(eventTypes))]] = true
	default:
		for _, name := range eventTypes {
			some[name] = g.IntN(2) == 0
		}
	}
	return func(name string) bool { return some[name] }
}

// TestRollUp compares with counting: events in several files, some of which are
// merged and cut at the same time, as loads and compaction do.
func TestRollUp(t *testing.T) {
	t.Parallel()
	g := seeded(t)
	for range 40 {
		all := g.facts(1 + g.IntN(400))
		var files []*File
		for rest := all; len(rest) > 0; {
			n := 1 + g.IntN(len(rest))
			files = append(files, read(t, build(t, rest[:n])))
			rest = rest[n:]
		}
		var view *View
		var known []*File
		for range 4 {
			view, known = follow(t, view, known, files), slices.Clone(files)
			for range 10 {
				check(t, g, view, all)
			}
			files = compact(t, g, files)
		}
	}
}

func check(t *testing.T, g generator, view *View, all facts) {
	match := g.match()
	q := view.Scan(match)
	for range 3 { // nothing of a period is left for the next
		checkPeriods(t, g, view, q, g.periods(all), all, match)
	}
}

func checkPeriods(t *testing.T, g generator, view *View, q *Scan, periods []Period, all facts, match func(string) bool) {
	want := all.where(periods, match)
	about := fmt.Sprint(periods)
	for range 2 { // the second time from what is remembered
		n, err := q.CountUsers(t.Context(), periods...)
		require.NoError(t, err)
		require.Equal(t, len(want.users()), int(n), about)
	}
	users, err := q.Users(t.Context(), periods...)
	require.NoError(t, err)
	require.Equal(t, want.users(), append([]uint32{}, users.ToArray()...), about)
	n, err := q.Events(t.Context(), periods...)
	require.NoError(t, err)
	require.Equal(t, len(want), int(n), about)
	totals, err := q.Totals(t.Context(), periods...)
	require.NoError(t, err)
	wanted := want.totals()
	if !slices.Equal(periods, []Period{Always}) {
		for _, m := range []map[string]Total{totals, wanted} {
			for name, total := range m {
				m[name] = Total{Events: total.Events}
			}
		}
	}
	require.Equal(t, wanted, totals, about)
	properties, err := q.Properties(t.Context(), periods...)
	require.NoError(t, err)
	require.Equal(t, want.properties(t), properties, about)

	name := eventTypes[g.IntN(len(eventTypes))]
	want = want.where(periods, func(eventType string) bool { return eventType == name })
	one := q.Of(name)
	if g.IntN(2) == 0 {
		one = view.Scan(match).Of(name) // of one that has read nothing
	}
	for range 2 {
		n, err := one.CountUsers(t.Context(), periods...)
		require.NoError(t, err)
		require.Equal(t, len(want.users()), int(n), about)
	}
	n, err = one.Events(t.Context(), periods...)
	require.NoError(t, err)
	require.Equal(t, len(want), int(n), about)
	properties, err = one.Properties(t.Context(), periods...)
	require.NoError(t, err)
	require.Equal(t, want.properties(t), properties, about)
}

// TestManyTypes: asking about each takes no more memory than asking about one.
func TestManyTypes(t *testing.T) {
	t.Parallel()
	const types, users = 2000, 100_000
	var all facts
	for i := range types {
		all = append(all, fact{int64(i), fmt.Sprintf("type %d", i), uint32(i % 2 * users), ""})
	}
	view, err := NewView([]*File{read(t, build(t, all))})
	require.NoError(t, err)
	q := view.Scan(nil)
	first := Period{0, 1} // cuts the day
	totals, err := q.Totals(t.Context(), first)
	require.NoError(t, err)
	require.Len(t, totals, types)
	var kept []*Scan
	for name := range totals {
		kept = append(kept, q.Of(name))
		n, err := kept[len(kept)-1].CountUsers(t.Context(), first)
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
	}
	for _, one := range kept {
		require.Same(t, q.scratch, one.scratch)
		require.Empty(t, one.known)
		require.Empty(t, one.blocks, "read before")
	}
}

// compact merges some of the files and cuts the result at a midnight.
func compact(t *testing.T, g generator, files []*File) []*File {
	g.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	n := 1 + g.IntN(len(files))
	in, out := files[:n], slices.Clone(files[n:])
	cut := in[0].entries[g.IntN(len(in[0].entries))].day
	for _, days := range [][2]int32{{minDay, cut}, {cut + 1, maxDay}} {
		data, _, err := Merge(7, in, days[0], days[1])
		require.NoError(t, err)
		if f := read(t, data); f.Events > 0 {
			out = append(out, f)
		}
	}
	return out
}

const minDay, maxDay = -1 << 31, 1<<31 - 1

// TestMergeIsTheSameAsBuilding holds the files to one form, so that a roll-up
// that is made again can be compared.
func TestMergeIsTheSameAsBuilding(t *testing.T) {
	t.Parallel()
	g := seeded(t)
	for range 40 {
		all := g.facts(1 + g.IntN(20_000))
		cut := g.IntN(len(all))
		files := []*File{read(t, build(t, all[:cut])), read(t, build(t, all[cut:]))}
		merged, _, err := Merge(7, files, minDay, maxDay)
		require.NoError(t, err)
		require.True(t, bytes.Equal(build(t, all), merged))
	}
}

// TestNothingIsLeftFromThePeriodBefore: London's days are cut in summer and whole
// in winter.
func TestNothingIsLeftFromThePeriodBefore(t *testing.T) {
	t.Parallel()
	view, err := NewView([]*File{read(t, build(t, facts{{0, "a", 1, ""}, {dayMicros, "b", 2, ""}}))})
	require.NoError(t, err)
	q := view.Scan(func(eventType string) bool { return eventType == "a" })
	n, err := q.CountUsers(t.Context(), Period{-4, quartersOfDay - 4})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	n, err = q.CountUsers(t.Context(), Period{quartersOfDay, 2 * quartersOfDay})
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestProjectsDoNotMix(t *testing.T) {
	t.Parallel()
	var b Builder
	b.Add(0, "a", 1, "")
	other, err := b.Bytes(8)
	require.NoError(t, err)
	file, err := Read(memory{other}, int64(len(other)))
	require.NoError(t, err)
	_, err = NewView([]*File{read(t, build(t, facts{{0, "a", 1, ""}})), file})
	require.Error(t, err)
}

// TestOldFilesAreForgotten: a day that stays the same must not keep the files of
// other days that went.
func TestOldFilesAreForgotten(t *testing.T) {
	t.Parallel()
	stays := read(t, build(t, facts{{0, "a", 1, ""}}))
	view, gone := func() (*View, weak.Pointer[File]) {
		goes := read(t, build(t, facts{{dayMicros, "a", 1, ""}}))
		old, err := NewView([]*File{stays, goes})
		require.NoError(t, err)
		view, err := old.Change([]*File{goes}, []*File{read(t, build(t, facts{{dayMicros, "a", 2, ""}}))})
		require.NoError(t, err)
		require.Same(t, old.days[0], view.days[0])
		return view, weak.Make(goes)
	}()
	runtime.GC() // the old view is used no more
	require.Nil(t, gone.Value())
	runtime.KeepAlive(view)
}

// TestDamage reads and asks files with bytes cut off and changed: they may lie,
// but nothing may end the process.
func TestDamage(t *testing.T) {
	t.Parallel()
	g := seeded(t)
	for range 300 {
		data := build(t, g.facts(1+g.IntN(60)))
		if g.IntN(3) == 0 {
			data = data[:g.IntN(len(data))]
			_, err := Read(memory{data}, int64(len(data)))
			if err != nil {
				require.ErrorIs(t, err, ErrFormat)
			}
		} else {
			for range 1 + g.IntN(3) {
				data[g.IntN(len(data))] ^= 1 << g.IntN(8)
			}
		}
		f, err := Read(memory{data}, int64(len(data)))
		if err != nil {
			require.ErrorIs(t, err, ErrFormat)
			continue
		}
		view, err := NewView([]*File{f})
		require.NoError(t, err)
		q := view.Scan(g.match())
		_, _ = q.CountUsers(t.Context(), Always)
		_, _ = q.CountUsers(t.Context(), Period{minQuarter + 1, maxQuarter - 1})
		_, _ = q.Totals(t.Context(), Always)
		_, _ = q.Properties(t.Context(), Always)
		_, _ = q.Properties(t.Context(), Period{minQuarter + 1, maxQuarter - 1})
		_, _, _ = Merge(7, []*File{f}, minDay, maxDay)
	}
}

// A changed bit can put the types of a day into another: Merge would find none.
func TestDayWithoutTypesIsDamaged(t *testing.T) {
	t.Parallel()
	data := (&encoder{entries: []entry{{day: 1}}, sections: make([]daySection, 1)}).bytes(7)
	_, err := Read(memory{data}, int64(len(data)))
	require.ErrorIs(t, err, ErrFormat)
}

// BenchmarkBuild is of a load: 200,000 events, most of them of one day.
func BenchmarkBuild(b *testing.B) {
	g := generator{rand.New(rand.NewPCG(1, 1))}
	all := make(facts, 200_000)
	for i := range all {
		day := int64(20_000)
		if g.IntN(50) == 0 {
			day -= g.Int64N(30)
		}
		all[i] = fact{day*dayMicros + g.Int64N(dayMicros), fmt.Sprint("type ", g.IntN(1+g.IntN(50))), uint32(g.IntN(1 + g.IntN(1_000_000))), ordinary(g)}
	}
	for b.Loop() {
		data := build(b, all)
		b.ReportMetric(float64(len(data))/float64(len(all)), "B/event")
	}
}

// TestProjectsShareWhatIsRemembered: one whose callers ask for everything leaves room
// for the next, and gives back what days remember that are gone.
func TestProjectsShareWhatIsRemembered(t *testing.T) {
	t.Parallel()
	var all atomic.Int64
	fill := func(m *memo, days int) []*day {
		var made []*day
		for range days {
			d := newDay(0, nil, m)
			for i := range maxRemembered + 10 {
				d.remember(counted{from: i}, count{})
			}
			made = append(made, d)
		}
		return made
	}
	first, second := &memo{&all, &atomic.Int64{}}, &memo{&all, &atomic.Int64{}}
	var others []*day
	func() {
		days := fill(first, maxAllRemembered/maxRemembered)
		require.EqualValues(t, maxAllRemembered/2, all.Load(), "half, alone")
		require.Len(t, days[0].counts, maxRemembered)
		require.Empty(t, days[len(days)-1].counts)
		others = fill(second, 10)
		require.EqualValues(t, 10*maxRemembered, second.own.Load())
		runtime.KeepAlive(days)
	}()
	require.Eventually(t, func() bool { runtime.GC(); return first.own.Load() == 0 }, 10*time.Second, time.Millisecond)
	require.EqualValues(t, 10*maxRemembered, all.Load())
	runtime.KeepAlive(others)
}
