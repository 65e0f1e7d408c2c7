package outbox

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/platform/postgres/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// The tests in this file are not parallel: a transaction of one would keep the
// rows of the others from settling.

func newEvents(n int) []event.Event {
	events := make([]event.Event, n)
	for i := range events {
		events[i] = event.Event{ID: uuid.New(), OccurredAt: int64(i), UserID: "u", Type: "t"}
	}
	return events
}

func mustAppend(t *testing.T, pool *pgxpool.Pool, n int) Position {
	t.Helper()
	var p Position
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) (err error) {
		p, err = Append(t.Context(), tx, 1, newEvents(n))
		return err
	}))
	return p
}

var generous = Bounds{Rows: 100, Events: 1_000_000, Bytes: 8 << 20}

func mustTail(t *testing.T, pool *pgxpool.Pool, after Position) Batch {
	t.Helper()
	b, err := Tail(t.Context(), pool, after, generous)
	require.NoError(t, err)
	return b
}

var start = Position{Incarnation: 1}

func TestTailWaitsForOlderTransactions(t *testing.T) {
	pool := pgtest.New(t)
	slow, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer slow.Rollback(t.Context())
	older, err := Append(t.Context(), slow, 1, newEvents(1))
	require.NoError(t, err)

	newer := mustAppend(t, pool, 1) // begins later, commits first
	require.Negative(t, older.Compare(newer))
	b := mustTail(t, pool, start)
	require.Empty(t, b.Rows, "the older transaction may still commit a row before the newer's")
	require.True(t, b.Drained)
	require.LessOrEqual(t, b.XMin, older.XID)
	require.Greater(t, b.XMax, newer.XID)

	require.NoError(t, slow.Commit(t.Context()))
	b = mustTail(t, pool, start)
	require.Len(t, b.Rows, 2)
	require.Equal(t, older, b.Rows[0].Position)
	require.Equal(t, newer, b.Rows[1].Position)
	require.Empty(t, mustTail(t, pool, newer).Rows)
	require.Len(t, mustTail(t, pool, older).Rows, 1)
}

// TestTailLosesNothing lets writers of random speed commit in any order while a
// reader follows; a cursor over seq would lose rows here.
func TestTailLosesNothing(t *testing.T) {
	pool := pgtest.New(t)
	const writers, each = 8, 40
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 3))
			for range each {
				err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
					if _, err := Append(t.Context(), tx, 1, newEvents(1)); err != nil {
						return err
					}
					_, err := tx.Exec(t.Context(), "SELECT pg_sleep($1)", r.Float64()/100)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	written := make(chan struct{})
	go func() { wg.Wait(); close(written) }()

	seen := map[int64]bool{}
	position := start
	for done := false; ; {
		b, err := Tail(t.Context(), pool, position, Bounds{Rows: 7, Events: 1_000_000, Bytes: 64 << 20})
		require.NoError(t, err)
		for _, row := range b.Rows {
			require.Positive(t, row.Compare(position))
			require.False(t, seen[row.Seq], "row %d twice", row.Seq)
			seen[row.Seq] = true
			position = row.Position
		}
		if done && b.Drained {
			break
		}
		select {
		case <-written:
			done = true
		default:
		}
	}
	require.Len(t, seen, writers*each)
}

func TestTailBoundsBatches(t *testing.T) {
	pool := pgtest.New(t)
	var all []Position
	for _, n := range []int{5, 5, 5, 50} {
		all = append(all, mustAppend(t, pool, n))
	}
	for _, tc := range []struct {
		after           Position
		rows, events, n int
		drained         bool
	}{
		{start, 100, 1000, 4, true},
		{start, 3, 1000, 3, false},
		{start, 100, 14, 2, false},
		{start, 100, 1, 1, false}, // the first row always
		{all[2], 100, 1, 1, true}, // however big
		{all[3], 100, 1, 0, true},
	} {
		b, err := Tail(t.Context(), pool, tc.after, Bounds{Rows: tc.rows, Events: tc.events, Bytes: 64 << 20})
		require.NoError(t, err)
		require.Len(t, b.Rows, tc.n, "%+v", tc)
		require.Equal(t, tc.drained, b.Drained, "%+v", tc)
	}
}

func TestAtPrecedesTheSnapshot(t *testing.T) {
	pool := pgtest.New(t)
	var before time.Time
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT clock_timestamp()").Scan(&before))
	b := mustTail(t, pool, start)
	require.False(t, b.At.Before(before))
	var after time.Time
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT clock_timestamp()").Scan(&after))
	require.False(t, b.At.After(after))
}

func TestLast(t *testing.T) {
	pool := pgtest.New(t)
	last, err := Last(t.Context(), pool)
	require.NoError(t, err)
	require.Equal(t, start, last)

	p := mustAppend(t, pool, MaxEvents+1)
	last, err = Last(t.Context(), pool)
	require.NoError(t, err)
	require.Equal(t, p, last)
	n, err := Lag(t.Context(), pool, start, 10)
	require.NoError(t, err)
	require.Equal(t, 2, n)

	// The worker is past all rows and their partition is gone.
	_, err = pool.Exec(t.Context(), "UPDATE analytics.sync_state SET xid = $1::text::xid8, seq = $2", fmt.Sprint(p.XID), p.Seq)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), "DELETE FROM analytics.outbox")
	require.NoError(t, err)
	last, err = Last(t.Context(), pool)
	require.NoError(t, err)
	require.Equal(t, p, last)
}

func TestCreatePartitionsKeepsAMonthAhead(t *testing.T) {
	pool := pgtest.New(t)
	var today time.Time // once: midnight may come in between
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT (now() AT TIME ZONE 'UTC')::date").Scan(&today))
	_, err := pool.Exec(t.Context(), `DO $$ DECLARE p regclass; BEGIN
		FOR p IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'analytics.outbox'::regclass LOOP EXECUTE 'DROP TABLE ' || p; END LOOP; END $$`)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := CreatePartitions(t.Context(), pool); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	_, err = pool.Exec(t.Context(), `
		INSERT INTO analytics.outbox (day, project_id, events, payload)
		SELECT $1::date + n, 1, 1, 'x' FROM generate_series(1, $2::integer) AS n`, today, PartitionsAhead)
	require.NoError(t, err)
}

func TestTailIsBoundedByBytes(t *testing.T) {
	pool := pgtest.New(t)
	_, err := pool.Exec(t.Context(), `INSERT INTO analytics.outbox (project_id, events, payload)
		SELECT 1, 1, repeat('x', $1) FROM generate_series(1, 3)`, generous.Bytes/2)
	require.NoError(t, err)
	var b Batch
	require.Eventually(t, func() bool {
		b = mustTail(t, pool, start)
		return len(b.Rows) > 0
	}, time.Minute, 5*time.Millisecond)
	require.Len(t, b.Rows, 2)
	require.False(t, b.Drained)
	b = mustTail(t, pool, b.Rows[1].Position)
	require.Len(t, b.Rows, 1)
	require.True(t, b.Drained)
}

// A service that is running when its database is replaced by a restored one must
// not append to it: the ids there are below the stored position.
func TestAppendRefusesRestoredDatabase(t *testing.T) {
	pool := pgtest.New(t)
	_, err := pool.Exec(t.Context(), "UPDATE analytics.sync_state SET system_identifier = 1, xid = '9000000000'")
	require.NoError(t, err)
	err = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := Append(t.Context(), tx, 1, newEvents(1))
		return err
	})
	require.ErrorIs(t, err, ErrRestored)
}
