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
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/pkg/warehouse/walk/walktest"
	"eventanalytics/services/stats/engine"
)

type atOnce struct{}

func (atOnce) Do(ctx context.Context, _ int64, scan func(context.Context) error) error {
	return scan(ctx)
}

// TestPathsThatAreNotKept: more paths than are kept are found again, and the links are the
// same.
func TestPathsThatAreNotKept(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	var events []walk.Source
	for i := range 5000 {
		events = append(events, walk.Source{
			User: uint32(r.IntN(100)), Us: r.Int64N(3 * 86_400_000_000), Type: fmt.Sprint(r.IntN(6)), ID: uuid.UUID{byte(i), byte(i >> 8)},
		})
	}
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	e := New(atOnce{}, 1, walk.NewView([]*walk.File{walktest.File(t, events...)}), nil)
	q := engine.Paths{
		Scope: engine.Scope{Zone: zone}, Range: engine.Range{From: 0, To: 1}, Node: syntax.Field{Source: syntax.EventType},
		Steps: 4, Gap: time.Hour, Top: 3,
	}
	p, exists := q.Period(zone)
	require.True(t, exists)
	want, err := e.Paths(t.Context(), q)
	require.NoError(t, err)
	require.NotEmpty(t, want)
	for _, room := range []int{0, 100} {
		s := e.paths(t.Context(), q, p)
		s.room = room
		got, err := s.find(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}
