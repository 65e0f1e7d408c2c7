package rollup

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const benchDays = 30

// world is a month of 274,000 events a day, a hundred million a year, of a
// million users; few users and few types have most of them.
var world = sync.OnceValues(func() (*View, float64) {
	g := generator{rand.New(rand.NewPCG(1, 1))}
	skewed := func(n float64) int { return int(math.Exp(g.Float64()*math.Log(n+1))) - 1 }
	names := make([]string, 50)
	for i := range names {
		names[i] = fmt.Sprint("event_type_", i)
	}
	var files []*File
	bytes, events := 0, 0
	for day := range int64(benchDays) {
		var b Builder
		for range 274_000 {
			b.Add((20_000+day)*dayMicros+g.Int64N(dayMicros), names[skewed(50)], uint32(skewed(1_000_000)), ordinary(g))
			events++
		}
		data, err := b.Bytes(7)
		if err != nil {
			panic(err)
		}
		f, err := Read(memory{data}, int64(len(data)))
		if err != nil {
			panic(err)
		}
		files = append(files, f)
		bytes += len(data)
	}
	v, err := NewView(files)
	if err != nil {
		panic(err)
	}
	return v, float64(bytes) / float64(events)
})

func benchmark(b *testing.B, match func(string) bool, ask func(*Scan) error) {
	v, size := world()
	for b.Loop() {
		for _, d := range v.days { // nothing is remembered
			d.counts = nil
		}
		require.NoError(b, ask(v.Scan(match)))
	}
	b.ReportMetric(size, "B/event")
}

const benchStart = Quarter(20_000 * quartersOfDay)

func eachDay(b *testing.B, offset Quarter) func(*Scan) error {
	return func(q *Scan) error {
		for day := range Quarter(benchDays) {
			from := benchStart + day*quartersOfDay + offset
			if _, err := q.CountUsers(b.Context(), Period{from, from + quartersOfDay}); err != nil {
				return err
			}
		}
		return nil
	}
}

func BenchmarkDays(b *testing.B)        { benchmark(b, nil, eachDay(b, 0)) }
func BenchmarkDaysOffUTC(b *testing.B)  { benchmark(b, nil, eachDay(b, -23)) }
func BenchmarkDaysOfAType(b *testing.B) { benchmark(b, only, eachDay(b, 0)) }
func BenchmarkDaysOfATypeOffUTC(b *testing.B) {
	benchmark(b, only, eachDay(b, -23))
}

func only(name string) bool { return name == "event_type_7" }

func BenchmarkUsersOfAMonth(b *testing.B) {
	benchmark(b, nil, func(q *Scan) error {
		_, err := q.CountUsers(b.Context(), Period{benchStart, benchStart + benchDays*quartersOfDay})
		return err
	})
}

func BenchmarkTotals(b *testing.B) {
	benchmark(b, nil, func(q *Scan) error {
		_, err := q.Totals(b.Context(), Period{benchStart + 5, benchStart + benchDays*quartersOfDay - 7})
		return err
	})
}
