package walk

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/property"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/pkg/warehouse/walk/walktest"
	"eventanalytics/services/stats/engine"
)

// TestDistinct: each value that files have is asked for once, whichever files have it.
func TestDistinct(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	g := rand.New(rand.NewPCG(seed, 0))
	for range 50 {
		var files []*walk.File
		for range 1 + g.IntN(5) {
			var events []walk.Source
			for range 1 + g.IntN(60) {
				n := g.IntN(60)
				value := []string{fmt.Sprint(n), fmt.Sprintf("%q", fmt.Sprint(n)), fmt.Sprintf("%d.0", n), fmt.Sprintf("[%d]", n)}[g.IntN(4)]
				events = append(events, walk.Source{User: 1, Us: int64(len(events)), Type: "a", ID: uuid.New(), Properties: `{"v":` + value + `}`})
			}
			files = append(files, walktest.File(t, events...))
		}
		p := New(atOnce{}, 1, walk.NewView(files), nil).plan(t.Context(), engine.Scope{}, engine.Always())
		v, err := p.values(t.Context(), syntax.Field{Source: syntax.Property, Keys: []string{"v"}}, p.period)
		require.NoError(t, err)
		asked := map[string]bool{}
		value := func(value property.Value) (string, error) {
			require.False(t, asked[value.JSON()], "asked before: %s", value.JSON())
			asked[value.JSON()] = !value.Missing()
			return value.JSON(), nil
		}
		seen := 0
		err = distinct(v, value, func(file int, codes []string) error {
			c := &v.columns[file].codes
			require.Len(t, codes, c.Len())
			for code, json := range codes {
				require.Equal(t, c.Value(uint32(code)).JSON(), json)
			}
			seen++
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, len(files), seen)
	}
}

// readRows tells the values of fields from events of one file, and how often it was asked.
type readRows struct {
	Rows
	values []property.Value
	asked  int
}

func (r *readRows) Values(context.Context, []int, walk.Period, syntax.Field) ([]engine.Codes, error) {
	r.asked++
	codes := engine.Codes{Values: []property.Value{{}}}
	for i, value := range r.values {
		codes.Values, codes.Rows = append(codes.Values, value), append(codes.Rows, uint32(i)+1)
	}
	return []engine.Codes{codes}, nil
}

// TestFieldsAreKept: scans of one question that sort by the same field make it ready once,
// and what is kept of it counts as long as the question is there, within the bounds of one.
func TestFieldsAreKept(t *testing.T) {
	t.Parallel()
	const many = 10_000
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	rows := &readRows{}
	var events []walk.Source
	for i := range many {
		rows.values = append(rows.values, property.OfText(fmt.Sprintf("user %d", i)))
		events = append(events, walk.Source{User: uint32(i), Us: int64(i), Type: "a", ID: uuid.New()})
	}
	view := walk.NewView([]*walk.File{walktest.File(t, events...)})
	breakdown := []syntax.Breakdown{{Field: syntax.Field{Source: syntax.UserID}}}
	scope := engine.Scope{Zone: zone}
	ask := func(ctx context.Context, e *Engine, days engine.Range) {
		s := engine.NewSource(time.Time{}, time.Time{}, e)
		ranked, err := s.Rank(ctx, engine.Rank{Scope: scope, Range: days, Series: []engine.Series{{}}, Breakdown: breakdown, Measure: syntax.Measure{Name: syntax.Events}, Top: 2})
		require.NoError(t, err)
		require.Equal(t, []engine.Group{{{Value: "user 0"}}, {{Value: "user 1"}}}, ranked.Groups)
		cells, err := s.Tally(ctx, engine.Tally{Scope: scope, Range: days, Interval: engine.Whole, Breakdown: breakdown, Groups: ranked.Groups})
		require.NoError(t, err)
		require.Len(t, cells, 3)
	}
	m := &meter{room: engine.MaxBytes}
	e := New(atOnce{}, 1, view, rows)
	ask(engine.WithMeter(t.Context(), m), e, engine.Range{From: 0, To: 0})
	require.Equal(t, 1, rows.asked)
	require.GreaterOrEqual(t, m.bytes, int64(many*(textBytes+groupBytes)-stepBytes))

	ask(t.Context(), e, engine.Range{From: 0, To: 1})
	require.Equal(t, 2, rows.asked, "other days have other values")

	e = New(atOnce{}, 1, view, rows)
	e.fields.bytes = engine.MaxBytes
	ask(t.Context(), e, engine.Range{From: 0, To: 0})
	require.Equal(t, 4, rows.asked, "there is no room to keep it")
}
