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

// month are as many events as visits, with users and types of which the k-th is about k
// times rarer than the first, as in tests/bench/history: there they make sessions of any
// length and histories of 90,000 events.
func month(b *testing.B) *warehouse.View {
	const day, events, slots, life = 86_400_000_000, 813_000, 8_000, 20 * 86_400_000_000
	r := rand.New(rand.NewPCG(1, 1))
	falling := func(n float64) uint32 { return uint32(min(n, math.Exp(r.Float64()*math.Log(n+1)))) }
	segments := make([][]warehouse.Source, 2)
	for n := range int64(events) {
		at, file := n*visitDays*day/events, n*2/events
		if r.IntN(50) == 0 { // it arrived late
			at -= r.Int64N(at + 1)
		}
		slot := falling(slots)
		born := int64(slot) * 7919 * day / 100 % life // users take a place in succession
		e := warehouse.Source{User: slot + slots*uint32((at+born)/life), Us: at, Type: fmt.Sprint("type", falling(50))}
		binary.BigEndian.PutUint64(e.ID[:], uint64(n))
		segments[file] = append(segments[file], e)
	}
	return warehouse.NewView([]*warehouse.File{walktest.File(b, segments[0]...), walktest.File(b, segments[1]...)})
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

func utc(b *testing.B) *calendar.Zone {
	zone, err := calendar.Load("UTC")
	require.NoError(b, err)
	return zone
}

// months are what sessions, paths and funnels of 30 days are measured with.
var months = []struct {
	name string
	view func(*testing.B) *warehouse.View
}{{"visits", visits}, {"month", month}}

func BenchmarkSessions(b *testing.B) {
	byType := []syntax.Breakdown{{Field: syntax.Field{Source: syntax.Entry, Of: &syntax.Field{Source: syntax.EventType}}}}
	for _, of := range months {
		e := walk.New(unlimited{}, 1, of.view(b), nil)
		for name, breakdown := range map[string][]syntax.Breakdown{"day": nil, "entry": byType} {
			b.Run(of.name+"/"+name, func(b *testing.B) {
				least(b, func() error {
					_, err := e.Sessions(b.Context(), engine.Sessions{
						Scope: engine.Scope{Zone: utc(b)}, Range: engine.Range{From: 0, To: visitDays - 1},
						Gap: 30 * time.Minute, Interval: calendar.Day, Breakdown: breakdown, Top: 10,
					})
					return err
				})
			})
		}
	}
}

func BenchmarkPaths(b *testing.B) {
	for _, of := range months {
		e := walk.New(unlimited{}, 1, of.view(b), nil)
		for _, top := range []int{50, 10} {
			b.Run(fmt.Sprint(of.name, "/top=", top), func(b *testing.B) {
				least(b, func() error {
					_, err := e.Paths(b.Context(), engine.Paths{
						Scope: engine.Scope{Zone: utc(b)}, Range: engine.Range{From: 0, To: visitDays - 1},
						Node: syntax.Field{Source: syntax.EventType}, Steps: 5, Gap: 30 * time.Minute, Top: top,
					})
					return err
				})
			})
		}
	}
}
