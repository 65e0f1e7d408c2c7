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

	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/pkg/warehouse/walk/walktest"
)

// thirtyDays are 813,000 events of up to 100,000 users in three files of ten days, a few
// of them late: as many as the last 30 days of a project with ten million a year.
func thirtyDays(b *testing.B) *walk.View {
	const day = 86_400_000_000
	r := rand.New(rand.NewPCG(1, 1))
	zipf := rand.NewZipf(r, 1.2, 200, 100_000-1)
	segments := make([][]walk.Source, 3)
	for i := range 813_000 {
		at := r.Int64N(30 * day)
		e := walk.Source{User: uint32(zipf.Uint64() * 7919 % 100_000), Us: at / 1000 * 1000, Type: fmt.Sprint("type", r.IntN(20))}
		binary.BigEndian.PutUint64(e.ID[:], uint64(i))
		file := int(at / (10 * day))
		if r.IntN(100) == 0 {
			file = 2
		}
		segments[file] = append(segments[file], e)
	}
	var files []*walk.File
	for _, events := range segments {
		files = append(files, walktest.File(b, events...))
	}
	return walk.NewView(files)
}

// cpu is what the process took: other load of the machine does not count.
func cpu(b *testing.B) time.Duration {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkWalk counts events: what it takes to be given all users.
func BenchmarkWalk(b *testing.B) {
	v := thirtyDays(b)
	wanted := make([]bool, len(v.Types()))
	for i := range 3 {
		wanted[i] = true
	}
	for _, bench := range []struct {
		name    string
		period  walk.Period
		options []walk.Option
	}{
		{"all", walk.AllTime, nil},
		{"cut", walk.Period{From: 5 * 86_400_000_000, To: 25 * 86_400_000_000}, nil},
		{"types", walk.AllTime, []walk.Option{walk.OfTypes(wanted)}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			least := time.Duration(math.MaxInt64)
			for b.Loop() {
				before := cpu(b)
				err := v.Walk(b.Context(), bench.period, func() walk.Visitor {
					n := 0
					return func(u *walk.User) error {
						n += len(u.Events)
						return nil
					}
				}, bench.options...)
				require.NoError(b, err)
				least = min(least, cpu(b)-before)
			}
			b.ReportMetric(float64(least)/1e6, "least-cpu-ms/op")
		})
	}
}

// BenchmarkCode reads the codes of events, as a filter does, in each form.
func BenchmarkCode(b *testing.B) {
	const n = 200_000
	f := walktest.File(b, formEvents(rand.New(rand.NewPCG(1, 8)), n)...)
	for form, key := range map[string]string{"plain": "app", "sparse": "amount", "runs": "plan"} {
		b.Run(form, func(b *testing.B) {
			c, known := f.Column(key)
			require.True(b, known)
			sum := uint32(0)
			for i := range uint32(b.N) {
				sum += c.Code(i % n)
			}
			require.True(b, b.N < 100 || sum > 0)
		})
	}
	b.Run("row", func(b *testing.B) {
		sum := uint32(0)
		for i := range uint32(b.N) {
			sum += f.Row(i % n)
		}
		require.True(b, b.N < 100 || sum > 0)
	})
}
