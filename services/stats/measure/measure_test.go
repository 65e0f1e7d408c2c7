package measure

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/decimal"
	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

var measures = []string{
	syntax.Users, syntax.Events, syntax.PerUser, syntax.Sum, syntax.Avg, syntax.Min, syntax.Max,
	syntax.Median, syntax.P75, syntax.P90, syntax.P95, syntax.P99, syntax.Distinct,
}

func random(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// happened is an event: whose it is, and its number as it was sent, or none.
type happened struct {
	user   uint32
	number string
}

// naive computes a measure from events, by rationals.
func naive(measure string, events []happened) Value {
	users := map[uint32]bool{}
	var numbers []*big.Rat
	sum := new(big.Rat)
	for _, e := range events {
		users[e.user] = true
		if x, ok := new(big.Rat).SetString(e.number); ok {
			numbers = append(numbers, x)
			sum.Add(sum, x)
		}
	}
	slices.SortFunc(numbers, (*big.Rat).Cmp)
	float := func(x *big.Rat) Value { f, _ := x.Float64(); return Value{Number: f} }
	switch measure {
	case syntax.Users, syntax.Distinct:
		return Value{Number: float64(len(users))}
	case syntax.Events:
		return Value{Number: float64(len(events))}
	case syntax.Sum:
		return float(sum)
	case syntax.PerUser:
		if len(users) == 0 {
			return Value{Null: true}
		}
		return Value{Number: float64(len(events)) / float64(len(users))}
	}
	if len(numbers) == 0 {
		return Value{Null: true}
	}
	if measure == syntax.Avg {
		return float(sum.Quo(sum, big.NewRat(int64(len(numbers)), 1)))
	}
	q := map[string]int64{"min": 0, "max": 100, "median": 50, "p75": 75, "p90": 90, "p95": 95, "p99": 99}[measure]
	h := big.NewRat(int64(len(numbers)-1)*q, 100)
	below := new(big.Int).Quo(h.Num(), h.Denom()).Int64()
	low, high := numbers[below], numbers[min(below+1, int64(len(numbers)-1))]
	part := new(big.Rat).Sub(h, big.NewRat(below, 1))
	return float(part.Add(low, part.Mul(part, new(big.Rat).Sub(high, low))))
}

var someNumbers = []string{
	"0", "-0", "1", "0.1", "0.2", "0.3", "-0.3", "19.99", "1e2", "100.0", "-7", "1.5e3", "9007199254740993", "9007199254740993.5",
	"123456789012345678901234567890.5", "1e-7", "-1e-20", "5e-324", "1e-400", "1e300", "-1e300", "999999999999999999", "0.000000000000000001",
}

// cellOf adds events up as an engine does.
func cellOf(t *testing.T, events []happened) engine.Cell {
	c := engine.Cell{Events: int64(len(events)), Set: roaring.New()}
	count := map[decimal.Decimal]int64{}
	for _, e := range events {
		c.Set.Add(e.user)
		if e.number == "" {
			continue
		}
		d, ok := decimal.Parse(e.number)
		require.True(t, ok)
		count[d]++
	}
	c.Users = int64(c.Set.GetCardinality())
	for d, n := range count {
		c.Numbers.Add(d, n)
	}
	c.Sum = c.Numbers.Sum()
	c.Settle(engine.Numbers)
	return c
}

// TestWindows: the value of each window, of each cell and of all cells so far is that of
// its events.
func TestWindows(t *testing.T) {
	t.Parallel()
	g := random(t)
	for range 40 {
		numbers := someNumbers[:1+g.IntN(len(someNumbers))]
		buckets := make([][]happened, 1+g.IntN(30))
		cells := make([]engine.Cell, len(buckets))
		for i := range buckets {
			for range g.IntN(6) * g.IntN(3) {
				e := happened{user: uint32(g.IntN(20))}
				if g.IntN(3) > 0 {
					e.number = numbers[g.IntN(len(numbers))]
				}
				buckets[i] = append(buckets[i], e)
			}
			cells[i] = cellOf(t, buckets[i])
		}
		for _, name := range measures {
			m := syntax.Measure{Name: name}
			for i, c := range cells {
				if c.Events > 0 {
					require.Equal(t, naive(name, buckets[i]), Of(m, c), "%s %v", name, buckets[i])
				}
			}
			for _, n := range []int{0, 1, 2, 3, 7, 30, 40} {
				values, ok := Windows(m, cells, n)
				for i := range cells {
					first := max(0, i-n+1)
					if n == 0 {
						first = 0
					}
					events := slices.Concat(buckets[first : i+1]...)
					require.Equal(t, len(events) > 0, ok[i])
					require.Equal(t, naive(name, events), values[i], "%s of %d cells to %d: %v", name, n, i, events)
				}
			}
		}
	}
}

// TestSharedNumbers: numbers that a cell shares with others, but has no events of, are as if
// they were not there.
func TestSharedNumbers(t *testing.T) {
	t.Parallel()
	g := random(t)
	var shared []decimal.Decimal
	for n := range int64(20) {
		shared = append(shared, decimal.OfInteger(n-10))
	}
	own, sharing := make([]engine.Cell, 30), make([]engine.Cell, 30)
	for i := range own {
		sharing[i].Numbers = engine.Numbered{Numbers: shared, Events: make([]int64, len(shared))}
		for range g.IntN(5) {
			sharing[i].Numbers.Events[g.IntN(len(shared))] += g.Int64N(3)
		}
		for n, events := range sharing[i].Numbers.All() {
			own[i].Numbers.Add(n, events)
			own[i].Events += events
		}
		require.NotContains(t, own[i].Numbers.Events, int64(0))
		sharing[i].Events = own[i].Events
		for _, name := range measures {
			require.Equal(t, Of(syntax.Measure{Name: name}, own[i]), Of(syntax.Measure{Name: name}, sharing[i]), name)
		}
		require.Equal(t, own[i].Numbers.Sum().Float(), sharing[i].Numbers.Sum().Float())
		require.Equal(t, own[i].Numbers.Sum().Count(), sharing[i].Numbers.Sum().Count())
	}
	for _, n := range []int{0, 3} {
		values, ok := Windows(syntax.Measure{Name: syntax.P90}, sharing, n)
		want, wanted := Windows(syntax.Measure{Name: syntax.P90}, own, n)
		require.Equal(t, want, values)
		require.Equal(t, wanted, ok)
	}
}

func TestNothing(t *testing.T) {
	t.Parallel()
	for _, name := range measures {
		require.Equal(t, naive(name, nil), Nothing(syntax.Measure{Name: name}), name)
	}
}

func TestParts(t *testing.T) {
	t.Parallel()
	for _, name := range measures {
		part, merged := Part(syntax.Measure{Name: name}, false), Part(syntax.Measure{Name: name}, true)
		switch name {
		case syntax.Events:
			require.Equal(t, []engine.Part{engine.OnlyEvents, engine.OnlyEvents}, []engine.Part{part, merged})
		case syntax.Users, syntax.PerUser, syntax.Distinct:
			require.Equal(t, []engine.Part{engine.CountUsers, engine.UserSets}, []engine.Part{part, merged}, name)
		case syntax.Sum, syntax.Avg:
			require.Equal(t, []engine.Part{engine.Sums, engine.Sums}, []engine.Part{part, merged}, name)
		default:
			require.Equal(t, []engine.Part{engine.Numbers, engine.Numbers}, []engine.Part{part, merged}, name)
		}
	}
}

// Values that are not finite are null; 0.1 + 0.2 is 0.3; there is no -0.
func TestSum(t *testing.T) {
	t.Parallel()
	of := func(measure string, numbers ...string) Value {
		var events []happened
		for _, n := range numbers {
			events = append(events, happened{number: n})
		}
		return Of(syntax.Measure{Name: measure}, cellOf(t, events))
	}
	require.Equal(t, Value{Number: 0.3}, of("sum", "0.1", "0.2"))
	require.Equal(t, null, of("sum", "1e308", "1e308"))
	require.Equal(t, Value{Number: 1e308}, of("avg", "1e308", "1e308"))
	require.Equal(t, Value{Number: 1}, of("sum", "1e300", "1", "-1e300"))
	require.False(t, math.Signbit(of("sum", "-0", "0").Number))
	require.False(t, math.Signbit(of("sum", "-1e-400").Number))
	require.Equal(t, Value{Number: 1}, of("sum", "1", "1e-99999"))
	var many engine.Numbered
	many.Add(decimal.OfInteger(math.MaxInt64), math.MaxInt64)
	many.Add(decimal.OfInteger(-999999999999999999), 1<<40)
	x := new(big.Int).Mul(big.NewInt(math.MaxInt64), big.NewInt(math.MaxInt64))
	x.Sub(x, new(big.Int).Mul(big.NewInt(999999999999999999), big.NewInt(1<<40)))
	sum, _ := new(big.Float).SetInt(x).Float64()
	require.Equal(t, Value{Number: sum}, Of(syntax.Measure{Name: syntax.Sum}, engine.Cell{Events: 1, Sum: many.Sum()}))
}

func TestCompute(t *testing.T) {
	t.Parallel()
	series := func(i int) syntax.Step { return syntax.Step{Op: "series", Series: i} }
	plain := func(x float64) syntax.Step { return syntax.Step{Op: "number", Number: x} }
	op := func(name string) syntax.Step { return syntax.Step{Op: name} }
	a, b := Value{Number: 6}, Value{Number: 4}
	for _, c := range []struct {
		steps []syntax.Step
		in    []Value
		want  Value
	}{
		{[]syntax.Step{series(0)}, []Value{a}, a},
		{[]syntax.Step{series(0), series(1), op("+")}, []Value{a, b}, Value{Number: 10}},
		{[]syntax.Step{series(0), series(1), op("-")}, []Value{a, b}, Value{Number: 2}},
		{[]syntax.Step{series(0), series(1), op("*")}, []Value{a, b}, Value{Number: 24}},
		{[]syntax.Step{series(0), series(1), op("/")}, []Value{a, b}, Value{Number: 1.5}},
		{[]syntax.Step{series(0), plain(2), series(1), op("*"), op("-")}, []Value{a, b}, Value{Number: -2}},
		{[]syntax.Step{series(0), op("negate")}, []Value{{}}, Value{}},
		{[]syntax.Step{series(0), op("negate")}, []Value{null}, null},
		{[]syntax.Step{series(0), series(1), op("/")}, []Value{a, {}}, null},
		{[]syntax.Step{series(0), series(1), op("/")}, []Value{{}, {}}, null},
		{[]syntax.Step{plain(0), series(1), op("*")}, []Value{a, null}, null},
		{[]syntax.Step{plain(1), series(0), series(1), op("/"), op("+")}, []Value{a, {}}, null},
		{[]syntax.Step{plain(1e300), plain(1e300), op("*")}, nil, null},
		{[]syntax.Step{plain(1), plain(1e300), plain(1e300), op("*"), op("/")}, nil, null},
	} {
		got := Compute(c.steps, c.in)
		require.Equal(t, c.want, got, "%v", c.steps)
		require.False(t, math.Signbit(got.Number) && got.Number == 0)
	}
	require.Equal(t, []int{0, 2}, Series([]syntax.Step{series(2), series(0), op("+"), series(2), op("*")}))
}

// BenchmarkWindows is a month of each user's numbers in windows of a year.
func BenchmarkWindows(b *testing.B) {
	g := rand.New(rand.NewPCG(1, 1))
	cells := make([]engine.Cell, 730)
	for i := range cells {
		cells[i] = engine.Cell{Events: 3000, Users: 2000, Set: roaring.New()}
		for range 2000 {
			cells[i].Set.Add(uint32(g.IntN(100_000)))
		}
		for n := range int64(1000) {
			cells[i].Numbers.Add(decimal.OfInteger(3*n), 3)
		}
		cells[i].Sum = cells[i].Numbers.Sum()
	}
	for _, name := range []string{syntax.Users, syntax.Sum, syntax.P95} {
		for _, n := range []int{0, 7, 365} {
			b.Run(fmt.Sprint(name, n), func(b *testing.B) {
				for b.Loop() {
					Windows(syntax.Measure{Name: name}, cells, n)
				}
			})
		}
	}
}
