package outbox

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/platform/postgres/pgtest"
)

func TestDump(t *testing.T) {
	pool := pgtest.New(t)
	want := newEvents(3)
	want[1].Properties = `{"a":"<&>"}`
	for project, events := range map[int64][]event.Event{1: want, 2: newEvents(1)} {
		require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
			_, err := Append(t.Context(), tx, project, events)
			return err
		}))
	}
	dump := func(project int64) []DumpedEvent {
		var text strings.Builder
		require.NoError(t, Dump(t.Context(), pool, project, &text))
		var all []DumpedEvent
		for line := range strings.Lines(text.String()) {
			var e DumpedEvent
			require.NoError(t, json.Unmarshal([]byte(line), &e))
			all = append(all, e)
		}
		return all
	}
	got := dump(1)
	require.Len(t, got, 3)
	for i, e := range want {
		require.Equal(t, e.ID, got[i].EventID)
		require.Equal(t, e.Time(), got[i].OccurredAt)
		require.Equal(t, int64(1), got[i].ProjectID)
	}
	require.Equal(t, json.RawMessage(want[1].Properties), got[1].Properties)
	require.Equal(t, json.RawMessage("null"), got[0].Properties)
	require.Len(t, dump(0), 4)
	require.Empty(t, dump(3))
}
