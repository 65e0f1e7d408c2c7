package walk_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/syntax"
	files "eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/engine/walk"
)

// What is measured: 800,000 events of 100,000 users in the last 30 of 90 days, with
// 1,600,000 before them, in 18 segments; one event in fifty is late. Prices are as many as
// in tests/bench/history, 18,000.
const (
	benchEvents   = 2_400_000
	benchUsers    = 100_000
	benchDays     = 90
	benchSegments = 18
)

var benchView = sync.OnceValues(func() (*files.View, error) {
	r := rand.New(rand.NewPCG(1, 2))
	countries := []string{"US", "IN", "BR", "DE", "FR", "UA", "PL", "JP", "GB", "ES", "IT", "NL", "SE", "CA", "MX", "TR", "ID", "NG", "EG", "ZA"}
	types := []string{"app_open", "view_item", "add_to_cart", "purchase", "search", "share", "login", "logout"}
	segments := make([][]files.Source, benchSegments)
	for i := range benchEvents {
		us := benchFrom + int64(i)*benchDays*86_400*1_000/benchEvents*1_000
		at := i * benchSegments / benchEvents
		if at < benchSegments-1 && r.IntN(50) == 0 { // it arrived later
			at++
		}
		user := uint32(float64(benchUsers) * r.Float64() * r.Float64())
		kind := types[min(len(types)-1, int(float64(len(types))*r.Float64()*r.Float64()*1.2))]
		p := fmt.Sprintf(`{"country":"%s","item_id":"item-%d"`, countries[int(20*r.Float64()*r.Float64())], r.IntN(9000))
		if kind == "purchase" || kind == "view_item" {
			p += fmt.Sprintf(`,"price":%d.%d%d`, 1+r.IntN(200), r.IntN(10), 1+r.IntN(9))
		}
		if r.IntN(10) == 0 {
			p += fmt.Sprintf(`,"plan":"%s"`, []string{"free", "pro", "team"}[r.IntN(3)])
		}
		var id uuid.UUID
		binary.BigEndian.PutUint64(id[:], r.Uint64())
		segments[at] = append(segments[at], files.Source{User: user, Us: us, Type: kind, ID: id, Properties: p + "}"})
	}
	var all []*files.File
	for _, events := range segments {
		data, err := files.Encode(1, events)
		if err != nil {
			return nil, err
		}
		f, err := files.Read(data)
		if err != nil {
			return nil, err
		}
		f.IDs = func(rows []uint32) ([]uuid.UUID, error) {
			ids := make([]uuid.UUID, len(rows))
			for i, row := range rows {
				ids[i] = events[row].ID
			}
			return ids, nil
		}
		all = append(all, f)
	}
	return files.NewView(all), nil
})

// benchFrom is 1 June 2025.
const benchFrom = 1_748_736_000_000_000

// measure reports the CPU time of each run, of all goroutines: on a busy machine the
// time that it takes says little.
func measure(b *testing.B, run func()) {
	b.Helper()
	cpu := func() time.Duration {
		var u syscall.Rusage
		require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	began := cpu()
	for b.Loop() {
		run()
	}
	b.ReportMetric(float64(cpu()-began)/float64(b.N)/1e6, "cpu-ms/op")
}

func BenchmarkTally(b *testing.B) {
	view, err := benchView()
	require.NoError(b, err)
	zone, err := calendar.Load("Europe/Kyiv")
	require.NoError(b, err)
	to := calendar.Date(benchFrom/86_400_000_000) + benchDays - 1
	days := engine.Range{From: to - 29, To: to}
	field := func(text string) syntax.Field {
		f, err := syntax.ParseField(text)
		require.NoError(b, err)
		return f
	}
	tally := func(filter string, t engine.Tally) func(b *testing.B) {
		return func(b *testing.B) {
			if filter != "" {
				t.Scope.Filter, err = syntax.ParseFilter(filter)
				require.NoError(b, err)
			}
			t.Zone, t.Range = zone, days
			if t.Interval == "" {
				t.Interval = calendar.Day
			}
			measure(b, func() {
				e := walk.New(unlimited{}, 1, view, nil) // for each question: it keeps what scans share
				if len(t.Breakdown) > 0 {
					ranked, err := e.Rank(b.Context(), engine.Rank{
						Scope: t.Scope, Range: t.Range, Series: []engine.Series{t.Series}, Breakdown: t.Breakdown,
						Measure: syntax.Measure{Name: syntax.Users}, Top: 10,
					})
					require.NoError(b, err)
					t.Groups = ranked.Groups
				}
				cells, err := e.Tally(b.Context(), t)
				require.NoError(b, err)
				require.NotEmpty(b, cells)
			})
		}
	}
	purchases := engine.Series{Types: []string{"purchase"}}
	b.Run("all", tally("", engine.Tally{Part: engine.CountUsers}))
	b.Run("one country", tally("properties.country=UA", engine.Tally{Part: engine.CountUsers}))
	b.Run("by country", tally("", engine.Tally{Part: engine.CountUsers, Breakdown: []syntax.Breakdown{{Field: field("properties.country")}}}))
	b.Run("by item", tally("", engine.Tally{Part: engine.CountUsers, Breakdown: []syntax.Breakdown{{Field: field("properties.item_id")}}}))
	b.Run("numbers of a type", tally("", engine.Tally{Part: engine.Numbers, Series: purchases, Field: field("properties.price")}))
	b.Run("numbers", tally("", engine.Tally{Part: engine.Numbers, Field: field("properties.price")}))
	b.Run("sums", tally("", engine.Tally{Part: engine.Sums, Field: field("properties.price")}))
	b.Run("contains", tally("properties.item_id~99", engine.Tally{Part: engine.CountUsers}))
	b.Run("matches", tally("properties.item_id:matches(^item-[1-5]+$)", engine.Tally{Part: engine.CountUsers}))
	b.Run("by plan of the user", tally("", engine.Tally{Part: engine.CountUsers, Breakdown: []syntax.Breakdown{{Field: field("user.plan")}}}))
	b.Run("by plan of the user at first", tally("", engine.Tally{Part: engine.CountUsers, Breakdown: []syntax.Breakdown{{Field: field("first.plan")}}}))
	b.Run("by hour", tally("", engine.Tally{Part: engine.CountUsers, Interval: calendar.Hour}))
}

// BenchmarkUsers counts the active users of one country.
func BenchmarkUsers(b *testing.B) {
	view, err := benchView()
	require.NoError(b, err)
	e := walk.New(unlimited{}, 1, view, nil)
	zone, err := calendar.Load("Europe/Kyiv")
	require.NoError(b, err)
	country, err := syntax.ParseFilter("properties.country=UA")
	require.NoError(b, err)
	to := calendar.Date(benchFrom/86_400_000_000) + benchDays - 1
	for _, window := range []int{1, 30} {
		b.Run(fmt.Sprint("window ", window), func(b *testing.B) {
			measure(b, func() {
				rows, err := e.Users(b.Context(), engine.Users{
					Scope: engine.Scope{Zone: zone, Filter: country}, Range: engine.Range{From: to - 29, To: to}, Window: window,
				})
				require.NoError(b, err)
				require.NotEmpty(b, rows)
			})
		})
	}
}

func BenchmarkCohorts(b *testing.B) {
	view, err := benchView()
	require.NoError(b, err)
	e := walk.New(unlimited{}, 1, view, nil)
	zone, err := calendar.Load("Europe/Kyiv")
	require.NoError(b, err)
	to := calendar.Date(benchFrom/86_400_000_000) + benchDays - 1
	var windows []int
	for n := range 12 {
		windows = append(windows, n+1)
	}
	measure(b, func() {
		rows, err := e.Cohorts(b.Context(), engine.Cohorts{
			Scope: engine.Scope{Zone: zone}, Range: engine.Range{From: to - 60, To: to}, Unit: calendar.Week, Windows: windows, Founding: "login",
		})
		require.NoError(b, err)
		require.NotEmpty(b, rows)
	})
}

// BenchmarkLatest finds where the latest 50 events are: what it takes to read them is not in
// it.
func BenchmarkLatest(b *testing.B) {
	view, err := benchView()
	require.NoError(b, err)
	e := walk.New(unlimited{}, 1, view, nil).Named(nil, notRead{})
	zone, err := calendar.Load("UTC")
	require.NoError(b, err)
	for name, filter := range map[string]string{
		"all": "[]", "of a type": "event_type:logout", "in a country": "properties.country=UA", "of an item": "properties.item_id=item-77", "without any": "properties.item_id=77",
	} {
		b.Run(name, func(b *testing.B) {
			q := engine.Latest{Scope: engine.Scope{Zone: zone}, Limit: 50}
			q.Filter, err = syntax.ParseFilter(filter)
			require.NoError(b, err)
			measure(b, func() {
				_, err := e.Latest(b.Context(), q)
				require.NoError(b, err)
			})
		})
	}
}

// notRead are events of which nothing is asked but where they are.
type notRead struct{}

func (notRead) Find(context.Context, uuid.UUID) (at engine.RowPlace, found bool, err error) {
	return at, false, nil
}

func (notRead) Events(context.Context, []engine.RowPlace) ([]engine.Event, error) { return nil, nil }

// BenchmarkTopValues lists the 20 most frequent of 9,000 values.
func BenchmarkTopValues(b *testing.B) {
	view, err := benchView()
	require.NoError(b, err)
	zone, err := calendar.Load("UTC")
	require.NoError(b, err)
	to := calendar.Date(benchFrom/86_400_000_000) + benchDays - 1
	item := syntax.Field{Source: syntax.Property, Keys: []string{"item_id"}}
	measure(b, func() {
		rows, err := walk.New(unlimited{}, 1, view, nil).TopValues(b.Context(), engine.TopValues{
			Scope: engine.Scope{Zone: zone}, Range: engine.Range{From: to - 29, To: to}, Field: item, Limit: 20,
		})
		require.NoError(b, err)
		require.Len(b, rows, 20)
	})
}
