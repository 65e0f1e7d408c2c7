package walk

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/decimal"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/pkg/warehouse/walk/walktest"
	"eventanalytics/services/stats/engine"
)

// TestNumber: integers have ids in their order, whether these come from marks or from a map.
func TestNumber(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	g := rand.New(rand.NewPCG(seed, 0))
	for range 500 {
		step := []int64{1, 1, 7, 63, 1e15}[g.IntN(5)]
		files := make([]decimal.Scaled, g.IntN(4))
		var all []int64
		for i := range files {
			for range g.IntN(100) {
				n := step * (g.Int64N(200) - 100)
				if g.IntN(5) == 0 {
					n = decimal.None
				} else {
					all = append(all, n)
				}
				files[i].Integers = append(files[i].Integers, n)
			}
		}
		slices.Sort(all)
		want := slices.Compact(all)
		room := distinctBytes * len(want)
		spend := func(bytes int) error {
			if bytes != distinctBytes { // of marks
				return nil
			}
			if room -= bytes; room < 0 {
				return errFull
			}
			return nil
		}
		distinct, ids, err := number(files, spend)
		require.NoError(t, err)
		require.Equal(t, want, append([]int64(nil), distinct[1:]...))
		require.Zero(t, room, "each distinct one is spent")
		if len(want) > 0 {
			_, _, err = number(files, spend)
			require.ErrorIs(t, err, errFull)
		}
		for i := range files {
			require.Len(t, ids[i], len(files[i].Integers))
			for code, n := range files[i].Integers {
				if id := ids[i][code]; n == decimal.None {
					require.Zero(t, id)
				} else {
					require.Equal(t, n, distinct[id])
				}
			}
		}
	}
}

// TestNumbersOfFiles: sums and numbers are exact whatever is in the files, and the same
// where they are integers and where they are texts.
func TestNumbersOfFiles(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	g := rand.New(rand.NewPCG(seed, 0))
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	for name, of := range map[string]struct {
		values []string
		short  bool // they are read as integers
	}{
		"prices":  {[]string{"1", "1.0", "0.99", "12.50", "-0", "0", "-3.25", `"1"`, "null", "true", "[1]", `{"n":1}`}, true},
		"wide":    {[]string{"1", "123456789012", "-123456789012.5", "1e3", "1000", "2.5E-3"}, true},
		"no such": {[]string{`"1"`, "null"}, true},
		"huge":    {[]string{"1e400", "-1e400", "1", "1.0", "-0.0", "1e-400"}, false},
		"long":    {[]string{"123456789012345678901234567890.5", "0.1", "1e0", "1"}, false},
	} {
		var files []*walk.File
		count, sum := map[string]int64{}, &decimal.Sum{}
		for range 3 {
			var events []walk.Source
			for i := range 200 {
				n := of.values[g.IntN(len(of.values))]
				events = append(events, walk.Source{User: uint32(i % 20), Us: g.Int64N(86_400_000_000), Type: "a", ID: uuid.New(), Properties: fmt.Sprintf(`{"n":%s,"in":{"n":%s}}`, n, n)})
				d, ok := decimal.Parse(n)
				if ok {
					count[d.String()]++
					sum.Add(decimal.SumOf(1, func(int) (decimal.Decimal, int64) { return d, 1 }))
				}
			}
			files = append(files, walktest.File(t, events...))
		}
		e := New(atOnce{}, 1, walk.NewView(files), nil)
		p := e.plan(t.Context(), engine.Scope{Zone: zone}, engine.Always())
		f, _, err := p.integers(p.property("n", p.period))
		require.NoError(t, err, name)
		require.Equal(t, of.short, f != nil, name)
		for _, keys := range [][]string{{"n"}, {"in", "n"}} {
			for _, part := range []engine.Part{engine.Numbers, engine.Sums} {
				for _, least := range []int{1, 2} { // by blocks, and not: all users have more
					tally := engine.Tally{
						Scope: engine.Scope{Zone: zone}, Range: engine.Range{From: 0, To: 0}, Interval: engine.Whole, Part: part,
						Field: syntax.Field{Source: syntax.Property, Keys: keys}, Least: least,
					}
					cells, err := e.Tally(t.Context(), tally)
					require.NoError(t, err, name)
					require.Len(t, cells, 1, name)
					if part == engine.Sums {
						require.Equal(t, sum.Count(), cells[0].Sum.Count(), name)
						require.Equal(t, sum.Float(), cells[0].Sum.Float(), name)
						continue
					}
					got := map[string]int64{}
					for n, events := range cells[0].Numbers.All() {
						got[n.String()] = events
					}
					require.Equal(t, count, got, name)
					require.True(t, slices.IsSortedFunc(cells[0].Numbers.Numbers, decimal.Compare), name)
				}
			}
		}
	}
}

// TestNumbersOfOtherFields: their ids ascend, too, whatever is asked for the number.
func TestNumbersOfOtherFields(t *testing.T) {
	t.Parallel()
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	var events []walk.Source
	for user, n := range []string{"10", "9", "100", `"1"`, "9.0"} { // not in the order of their texts
		hour := int64(user) * 3_600_000_000
		events = append(events, walk.Source{User: uint32(user), Us: hour, Type: "a", ID: uuid.New(), Properties: fmt.Sprintf(`{"n":%s,"in":[%s]}`, n, n)})
	}
	e := New(atOnce{}, 1, walk.NewView([]*walk.File{walktest.File(t, events...)}), nil)
	for text, want := range map[string]map[string]int64{
		"user.n":          {"9": 2, "10": 1, "100": 1},
		"first.n":         {"9": 2, "10": 1, "100": 1},
		"properties.in.0": {"9": 2, "10": 1, "100": 1},
		"time.hour":       {"0": 1, "1": 1, "2": 1, "3": 1, "4": 1},
		"time.weekday":    {"4": 5},
		"event_type":      {},
		"first_seen":      {},
	} {
		field, err := syntax.ParseField(text)
		require.NoError(t, err)
		cells, err := e.Tally(t.Context(), engine.Tally{Scope: engine.Scope{Zone: zone}, Range: engine.Range{From: 0, To: 0}, Interval: engine.Whole, Part: engine.Numbers, Field: field})
		require.NoError(t, err, text)
		require.Len(t, cells, 1, text)
		got := map[string]int64{}
		for n, events := range cells[0].Numbers.All() {
			got[n.String()] = events
		}
		require.Equal(t, want, got, text)
		require.True(t, slices.IsSortedFunc(cells[0].Numbers.Numbers, decimal.Compare), text)
	}
}
