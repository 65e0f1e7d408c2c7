package duckdb

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/segment"
)

// peak returns the most memory that the process had at once since the last call.
func peak(b *testing.B) int64 {
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(b, err)
	require.NoError(b, os.WriteFile("/proc/self/clear_refs", []byte("5"), 0))
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	kib, err := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
	require.NoError(b, err)
	return kib << 10
}

// BenchmarkMergeAtTheBound merges 16 segments that together are as large as one merge
// may read (WORKER_MERGE_BYTES, WORKER_MERGE_ROLLUP_BYTES, twice
// WORKER_SEGMENT_EVENTS), in the shapes that take the most memory, with what a worker
// has in a container of 3 GiB. It reports the process's peak.
func BenchmarkMergeAtTheBound(b *testing.B) {
	const inputs = 16
	const rawBytes, rollUpBytes, events = 256 << 20, 32 << 20, 2_000_000
	r := rand.New(rand.NewPCG(1, 1))
	long := func(i int) string { // 200 characters of 4 bytes, as random as they get
		var s strings.Builder
		for range 200 {
			s.WriteRune(rune(0x10000 + r.IntN(0x10000)))
		}
		return s.String()
	}
	random := func(n int) string {
		raw := make([]byte, n)
		for i := range raw {
			raw[i] = 'a' + byte(r.IntN(26))
		}
		return string(raw)
	}
	for name, shape := range map[string]func(i int) event.Event{
		"long types":  func(i int) event.Event { return event.Event{Type: long(i), UserID: "u"} },
		"short types": func(i int) event.Event { return event.Event{Type: strconv.Itoa(r.IntN(1 << 30)), UserID: "u"} },
		"users":       func(i int) event.Event { return event.Event{Type: "t", UserID: strconv.Itoa(r.IntN(1 << 30))} },
		"large properties": func(i int) event.Event {
			return event.Event{Type: "t", UserID: "u", Properties: `{"a":"` + random(32_000) + `"}`}
		},
		"equal properties": func(i int) event.Event {
			return event.Event{Type: "t", UserID: "u", Properties: `{"a":"` + strings.Repeat("x", 32_000) + `"}`}
		},
		"ordinary properties": func(i int) event.Event {
			return event.Event{Type: fmt.Sprint("t", r.IntN(50)), UserID: strconv.Itoa(r.IntN(100_000)), Properties: `{"country":"` + random(2) + `","price":` + strconv.Itoa(r.IntN(1000)) + `,"page":"` + random(80) + `"}`}
		},
	} {
		b.Run(strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			limit := debug.SetMemoryLimit(2304 << 20)
			defer debug.SetMemoryLimit(limit)
			builder, err := NewBuilder(warehouse.Config{Dir: b.TempDir(), MemoryLimit: "256MiB"}, nil)
			require.NoError(b, err)
			defer builder.Close()
			var in []segment.Segment
			for range inputs {
				var batch []event.Event
				var keys []uint32
				raw, rollUp := int64(0), 0
				for raw < rawBytes/inputs && rollUp < rollUpBytes/inputs && len(batch) < events/inputs {
					e := shape(len(batch))
					e.ID, e.OccurredAt = uuid.New(), time.Date(2025, 8, 1, 0, 0, r.IntN(86400), 0, time.UTC).UnixMicro()
					batch, keys = append(batch, e), append(keys, r.Uint32N(1<<20))
					raw += segment.RawBytesOf(&e)
					if e.UserID == "u" && e.Properties == "" {
						rollUp += len(e.Type) + 55
					}
				}
				s, err := builder.Write(b.Context(), 1, batch, keys, 1)
				require.NoError(b, err)
				in = append(in, s)
			}
			runtime.GC()
			debug.FreeOSMemory()
			peak(b) // of what made the segments
			base, before := peak(b), cpu(b)
			for b.Loop() {
				_, err := builder.Merge(b.Context(), in, events/2, 1)
				require.NoError(b, err)
			}
			used := cpu(b) - before
			b.ReportMetric(float64(used.Nanoseconds())/float64(int64(b.N)*segment.EventsOf(in)), "cpu-ns/event")
			var raw, rollUp int64
			for _, s := range in {
				raw, rollUp = raw+s.RawBytes, rollUp+s.RollUp.Bytes
			}
			b.ReportMetric(float64(base>>20), "before-MiB")
			b.ReportMetric(float64(peak(b)>>20), "peak-MiB")
			b.ReportMetric(float64(raw>>20), "raw-MiB")
			b.ReportMetric(float64(rollUp>>20), "rollup-MiB")
		})
	}
}

// ordinary makes events like those of the data set of make bench-stats, of a project with
// some users, within a minute or within days.
func ordinary(r *rand.Rand, n, users, days int) ([]event.Event, []uint32) {
	falling := func(n int) int { return min(n, int(math.Exp(r.Float64()*math.Log(float64(n+1))))) }
	countries := strings.Fields("UA PL DE US FR SE NL RO ES IT GB CZ BG HU LT LV EE FI NO DK")
	systems := strings.Fields("iOS Android Web Windows")
	start := time.Date(2025, 8, 1, 12, 0, 0, 0, time.UTC)
	events, keys := make([]event.Event, n), make([]uint32, n)
	for i := range events {
		kind, user := falling(50), falling(users)
		at := start.Add(time.Duration(r.Int64N(int64(max(time.Duration(days)*24*time.Hour, time.Minute)))))
		properties := fmt.Sprintf(`{"country":"%s","session_id":"%08x","os":"%s","app_version":"1.%d.%d"`,
			countries[falling(len(countries))-1], uint32(user*7919+at.Hour()), systems[user%len(systems)], r.IntN(12), r.IntN(10))
		if kind%2 == 0 {
			properties += fmt.Sprintf(`,"item_id":"SKU%d","price":%d.%d%d,"currency":"USD"`, 1000+r.IntN(9000), 1+r.IntN(200), r.IntN(10), 1+r.IntN(9))
		}
		events[i] = event.Event{
			ID: uuid.New(), OccurredAt: at.UnixMicro(), UserID: fmt.Sprintf("usr_%012x", user*104729), Type: fmt.Sprint("event_type_", kind), Properties: properties + "}",
		}
		keys[i] = uint32(user)
	}
	return events, keys
}

// cpu is what the process has used, in all its threads.
func cpu(b *testing.B) time.Duration {
	var used unix.Rusage
	require.NoError(b, unix.Getrusage(unix.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkWrite writes segments as loads do. It reports the CPU that an event takes,
// which other processes do not change as much as the time, and the bytes of the files.
func BenchmarkWrite(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 200_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			builder := newBuilder(b, testConfig(b))
			events, keys := ordinary(rand.New(rand.NewPCG(1, 1)), n, 20_000, n/100_000)
			var s segment.Segment
			runtime.GC()
			debug.FreeOSMemory()
			peak(b) // of what made the events
			base, before := peak(b), cpu(b)
			for b.Loop() {
				var err error
				s, err = builder.Write(b.Context(), 1, events, keys, 1)
				require.NoError(b, err)
			}
			per := func(bytes int64) float64 { return float64(bytes) / float64(n) }
			b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(b.N*n), "cpu-ns/event")
			b.ReportMetric(float64((peak(b)-base)>>20), "more-MiB")
			b.ReportMetric(float64(s.RawBytes>>20), "raw-MiB")
			b.ReportMetric(per(s.Bytes), "parquet-B/event")
			b.ReportMetric(per(s.RollUp.Bytes), "rollup-B/event")
			b.ReportMetric(per(s.Users.Bytes), "users-B/event")
		})
	}
}
