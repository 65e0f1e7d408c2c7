package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/persons"
	"eventanalytics/pkg/warehouse/segment"
)

// keysIn reads the keys of users, in a query and in a history.
func keysIn(ctx context.Context, db *DB, s *manifest.Snapshot) (keys []string, err error) {
	q := Query{
		Project: 1, History: func(Columns) []string { return nil },
		SQL: "SELECT e.user_id, e.user_key, h.user_key, typeof(e.user_key) FROM {{events}} AS e JOIN {{history}} AS h USING (event_id) ORDER BY e.us",
	}
	err = db.Run(ctx, s, q, func(r *sql.Rows) error {
		var user, kind string
		var key, past uint32
		if err := r.Scan(&user, &key, &past, &kind); err != nil {
			return err
		}
		keys = append(keys, fmt.Sprint(user, " ", key, " ", past, " ", kind))
		return nil
	})
	return keys, err
}

// The key of an event's user is that of the person's root, and user_id the one it was sent
// with.
func TestKeysOfPersons(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	b, db := newBuilder(t, cfg), newDB(t, cfg)
	var events []event.Event
	for i, user := range []uint32{0, 1, 2, 70, 71, 1_000_000} {
		e := thousands()[0]
		e.UserID, e.OccurredAt = fmt.Sprint("u", user), int64(i)
		events = append(events, e)
	}
	first, err := b.Write(t.Context(), 1, events[:3], []uint32{0, 1, 2}, 1)
	require.NoError(t, err)
	second, err := b.Write(t.Context(), 1, events[3:], []uint32{70, 71, 1_000_000}, 1)
	require.NoError(t, err)
	s := manifest.NewSnapshot(1, outbox.Position{}, time.Time{}, []segment.Segment{first, second}, nil)
	for _, c := range []struct {
		roots map[uint32]uint32
		want  [6]uint32
	}{
		{nil, [6]uint32{0, 1, 2, 70, 71, 1_000_000}},
		{map[uint32]uint32{0: 5}, [6]uint32{5, 1, 2, 70, 71, 1_000_000}},
		{map[uint32]uint32{1: 0, 71: 0, 70: 1_000_000}, [6]uint32{0, 0, 2, 1_000_000, 0, 1_000_000}},
		{map[uint32]uint32{1_000_000: 2_000_000, 2_000_001: 2, 7: 71}, [6]uint32{0, 1, 2, 70, 71, 2_000_000}},
	} {
		var want []string
		for i, key := range c.want {
			want = append(want, fmt.Sprint(events[i].UserID, " ", key, " ", key, " INTEGER"))
		}
		got, err := keysIn(t.Context(), db, s.WithPersons(map[int64]*persons.Map{1: persons.New(c.roots), 2: persons.New(map[uint32]uint32{2: 9})}))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	require.Empty(t, db.holds.all, "functions are forgotten")

	first.RollUp = nil // as an older worker wrote it
	s = manifest.NewSnapshot(1, outbox.Position{}, time.Time{}, []segment.Segment{first, second}, nil)
	_, err = keysIn(t.Context(), db, s.WithPersons(map[int64]*persons.Map{1: persons.New(map[uint32]uint32{1: 0})}))
	require.ErrorIs(t, err, ErrNoKeys)
}
