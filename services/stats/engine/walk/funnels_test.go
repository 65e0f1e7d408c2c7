package walk_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/syntax"
	warehouse "eventanalytics/pkg/warehouse/walk"
	"eventanalytics/pkg/warehouse/walk/walktest"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/engine/walk"
)

// TestFunnelOfUnits: of the events of several users in one unit, at one instant and of one
// type, that with the lowest id is the first, whatever file it is in.
func TestFunnelOfUnits(t *testing.T) {
	t.Parallel()
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	const noon = int64(12 * time.Hour / time.Microsecond)
	bought := func(id byte, user uint32, us int64, country string) warehouse.Source {
		return warehouse.Source{ID: uuid.UUID{id}, User: user, Us: us, Type: "buy", Properties: `{"order":7,"country":"` + country + `"}`}
	}
	q := engine.Funnel{
		Scope: engine.Scope{Zone: zone}, Unit: syntax.Field{Source: syntax.Property, Keys: []string{"order"}}, Steps: make([]syntax.Series, 2),
		Window: time.Hour, Order: engine.InOrder, Breakdown: []syntax.Breakdown{{Field: syntax.Field{Source: syntax.Property, Keys: []string{"country"}}}},
		Attribution: 1, Top: 10,
	}
	for _, first := range []byte{1, 9} {
		files := []*warehouse.File{
			walktest.File(t, bought(5, 1, noon, "PL"), bought(4, 2, noon+1, "DE")), walktest.File(t, bought(first, 0, noon, "UA")), walktest.File(t, bought(7, 3, noon, "FR")),
		}
		found, err := walk.New(unlimited{}, 1, warehouse.NewView(files), nil).Funnel(t.Context(), q)
		require.NoError(t, err)
		want := map[byte]string{1: "UA", 9: "PL"}[first]
		require.Equal(t, engine.Funneled{
			Ranked: engine.Ranked{Groups: []engine.Group{{{Value: want}}}},
			Cells:  []engine.FunnelCell{{Users: 1, Took: [][]int64{{0}}}},
		}, found)
	}
}
