package walk_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/syntax"
	walkfile "eventanalytics/pkg/warehouse/walk"
	"eventanalytics/pkg/warehouse/walk/walktest"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/engine/walk"
)

// BenchmarkFunnel asks for funnels of 30 days, of as many events as a project has in them
// that has ten million a year.
func BenchmarkFunnel(b *testing.B) {
	const events, users = 1_000_000, 99_000
	start := time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)
	g := rand.New(rand.NewPCG(1, 1))
	types := []string{"app_open", "view_item", "view_list", "search", "add_to_cart", "purchase", "share", "login", "logout", "error"}
	all := make([]walkfile.Source, events)
	for i := range all {
		all[i] = walkfile.Source{
			ID: uuid.UUID{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}, User: g.Uint32N(users), Us: start.UnixMicro() + g.Int64N(37*24*int64(time.Hour/time.Microsecond)),
			Type: types[g.IntN(len(types))], Properties: fmt.Sprintf(`{"country":%q,"price":%d}`, []string{"UA", "PL", "DE", "IT", "RO"}[g.IntN(5)], g.IntN(200)),
		}
	}
	view := walkfile.NewView([]*walkfile.File{walktest.File(b, all[:events/2]...), walktest.File(b, all[events/2:]...)})
	zone, err := calendar.Load("America/New_York")
	require.NoError(b, err)
	price, err := syntax.ParseFilter("properties.price>100")
	require.NoError(b, err)
	country, err := syntax.ParseField("properties.country")
	require.NoError(b, err)
	plain := engine.Funnel{
		Scope: engine.Scope{Zone: zone}, Range: engine.Range{From: calendar.DateOf(start), To: calendar.DateOf(start.AddDate(0, 0, 29))},
		Steps: []syntax.Series{{Events: types[:1]}, {Events: types[1:2]}, {Events: types[5:6]}}, Window: 7 * 24 * time.Hour, Order: engine.InOrder, Top: 10,
	}
	filtered := plain
	filtered.Steps = []syntax.Series{plain.Steps[0], {Events: types[1:2], Filter: price}, plain.Steps[2]}
	split := filtered
	split.Breakdown, split.Attribution = []syntax.Breakdown{{Field: country}}, 1
	daily := plain
	daily.Interval = calendar.Day
	anyOrder, strict := plain, plain
	anyOrder.Order, strict.Order = engine.AnyOrder, engine.Strict
	for _, run := range []struct {
		name string
		engine.Funnel
	}{{"plain", plain}, {"filtered", filtered}, {"filtered by country", split}, {"daily", daily}, {"any", anyOrder}, {"strict", strict}} {
		b.Run(run.name, func(b *testing.B) {
			least(b, func() error {
				_, err := walk.New(unlimited{}, 1, view, nil).Funnel(b.Context(), run.Funnel)
				return err
			})
		})
	}
}

// BenchmarkMonthFunnel asks for the funnel of docs/benchmarks.md.
func BenchmarkMonthFunnel(b *testing.B) {
	e := walk.New(unlimited{}, 1, month(b), nil)
	least(b, func() error {
		_, err := e.Funnel(b.Context(), engine.Funnel{
			Scope: engine.Scope{Zone: utc(b)}, Range: engine.Range{From: 0, To: visitDays - 1}, Top: 10, Order: engine.InOrder,
			Steps: []syntax.Series{{Events: []string{"type1"}}, {Events: []string{"type2"}}, {Events: []string{"type10"}}}, Window: 7 * 24 * time.Hour,
		})
		return err
	})
}
