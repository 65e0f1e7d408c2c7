package walk_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/syntax"
	warehouse "eventanalytics/pkg/warehouse/walk"
	"eventanalytics/pkg/warehouse/walk/walktest"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/engine/walk"
)

const visitDays = 30

// visits are 813,000 events of up to 100,000 users in visits of one to fifteen, in three
// files of ten days, a few of them late: as many as the last 30 days of a project with ten
// million a year.
func visits(b *testing.B) *warehouse.View {
	const day = 86_400_000_000
	r := rand.New(rand.NewPCG(1, 1))
	zipf := rand.NewZipf(r, 1.2, 200, 100_000-1)
	segments := make([][]warehouse.Source, 3)
	for n := uint64(0); n < 813_000; {
		at, user := r.Int64N(visitDays*day), uint32(zipf.Uint64()*7919%100_000)
		for range 1 + min(r.IntN(16), r.IntN(16)) {
			e := warehouse.Source{User: user, Us: min(at, visitDays*day-1), Type: fmt.Sprint("type", min(r.IntN(20), r.IntN(20)))}
			binary.BigEndian.PutUint64(e.ID[:], n)
			file := int(e.Us / (10 * day))
			if r.IntN(100) == 0 {
				file = 2
			}
			segments[file] = append(segments[file], e)
			at += r.Int64N(300_000_000)
			n++
		}
	}
	var files []*warehouse.File
	for _, events := range segments {
		files = append(files, walktest.File(b, events...))
	}
	return warehouse.NewView(files)
}

// least reports the least time and CPU that a scan took: the machine has other load.
func least(b *testing.B, scan func() error) {
	cpu := func() time.Duration {
		var usage syscall.Rusage
		require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
		return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	least, wall := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	for b.Loop() {
		before, begun := cpu(), time.Now()
		require.NoError(b, scan())
		least, wall = min(least, cpu()-before), min(wall, time.Since(begun))
	}
	b.ReportMetric(float64(least)/1e6, "least-cpu-ms/op")
	b.ReportMetric(float64(wall)/1e6, "least-ms/op")
}

func BenchmarkSessions(b *testing.B) {
	e := walk.New(unlimited{}, 1, visits(b), nil)
	zone, err := calendar.Load("UTC")
	require.NoError(b, err)
	byType := []syntax.Breakdown{{Field: syntax.Field{Source: syntax.Entry, Of: &syntax.Field{Source: syntax.EventType}}}}
	for name, breakdown := range map[string][]syntax.Breakdown{"day": nil, "entry": byType} {
		b.Run(name, func(b *testing.B) {
			least(b, func() error {
				_, err := e.Sessions(b.Context(), engine.Sessions{
					Scope: engine.Scope{Zone: zone}, Range: engine.Range{From: 0, To: visitDays - 1},
					Gap: 30 * time.Minute, Interval: calendar.Day, Breakdown: breakdown, Top: 10,
				})
				return err
			})
		})
	}
}

func BenchmarkPaths(b *testing.B) {
	e := walk.New(unlimited{}, 1, visits(b), nil)
	zone, err := calendar.Load("UTC")
	require.NoError(b, err)
	for _, top := range []int{100, 10} {
		b.Run(fmt.Sprint("top=", top), func(b *testing.B) {
			least(b, func() error {
				_, err := e.Paths(b.Context(), engine.Paths{
					Scope: engine.Scope{Zone: zone}, Range: engine.Range{From: 0, To: visitDays - 1},
					Node: syntax.Field{Source: syntax.EventType}, Steps: 5, Gap: 30 * time.Minute, Top: top,
				})
				return err
			})
		})
	}
}
