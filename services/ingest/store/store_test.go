package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/postgres/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const project = 1

// wait and tick of require.Eventually.
const (
	wait = 10 * time.Second
	tick = time.Millisecond
)

func newEvent(user string) event.Event {
	return event.Event{ID: uuid.New(), OccurredAt: 1_754_000_000_000_000, UserID: user, Type: "login", Properties: `{"a":1}`}
}

func newBatch(events ...event.Event) *event.Batch {
	b := &event.Batch{Events: events}
	for i := range events {
		b.Indexes = append(b.Indexes, int32(i))
	}
	return b
}

func storeBatch(t *testing.T, pool *pgxpool.Pool, project int64, b *event.Batch, atomic bool) (out Outcome, err error) {
	t.Helper()
	err = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) (err error) {
		out, err = AddIn(t.Context(), tx, project, b, atomic)
		return err
	})
	return out, err
}

// logged returns what the outbox holds of a project, in its order, settled or
// not: other tests' transactions run in the same cluster.
func logged(t *testing.T, pool *pgxpool.Pool, project int64) []event.Event {
	t.Helper()
	rows, err := pool.Query(t.Context(), `
		SELECT events, payload FROM analytics.outbox WHERE project_id = $1 ORDER BY xid, seq`, project)
	require.NoError(t, err)
	var all []event.Event
	var n int
	var payload string
	_, err = pgx.ForEachRow(rows, []any{&n, &payload}, func() error {
		events, err := outbox.Decode(payload)
		require.Len(t, events, n)
		all = append(all, events...)
		return err
	})
	require.NoError(t, err)
	return all
}

func ids(events []event.Event) []string {
	all := make([]string, len(events))
	for i, e := range events {
		all[i] = e.ID.String()
	}
	slices.Sort(all)
	return all
}

func TestStoreCountsEachEventOnce(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	a, b, c := newEvent("1"), newEvent("2"), newEvent("3")

	out, err := storeBatch(t, pool, project, newBatch(a, b, a), false)
	require.NoError(t, err)
	require.Equal(t, 2, out.Accepted)
	require.Equal(t, 1, out.Duplicates)
	require.Empty(t, out.Conflicts)
	first := out.Position

	out, err = storeBatch(t, pool, project, newBatch(b, c), false)
	require.NoError(t, err)
	require.Equal(t, 1, out.Accepted)
	require.Equal(t, 1, out.Duplicates)
	require.Positive(t, out.Position.Compare(first))
	second := out.Position

	// Nothing new: the position is where the known events are, or later.
	out, err = storeBatch(t, pool, project, newBatch(a), false)
	require.NoError(t, err)
	require.Zero(t, out.Accepted)
	require.Equal(t, second, out.Position)

	require.Equal(t, ids([]event.Event{a, b, c}), ids(logged(t, pool, project)))
}

func TestStoreKeepsProjectsApart(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	a := newEvent("1")
	for _, p := range []int64{1, 2} {
		out, err := storeBatch(t, pool, p, newBatch(a), false)
		require.NoError(t, err)
		require.Equal(t, 1, out.Accepted, "project %d", p)
		require.Equal(t, []event.Event{a}, logged(t, pool, p))
	}
}

func TestStoreTellsConflicts(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	a, b := newEvent("1"), newEvent("2")
	_, err := storeBatch(t, pool, project, newBatch(a), false)
	require.NoError(t, err)

	spaced := a
	spaced.Properties = `{ "a" : 1 }` // the same content
	other := a
	other.UserID = "9"
	otherB := b
	otherB.Type = "logout"
	out, err := storeBatch(t, pool, project, newBatch(b, spaced, other, otherB), false)
	require.NoError(t, err)
	require.Equal(t, 1, out.Accepted)
	require.Equal(t, 3, out.Duplicates)
	require.Equal(t, []int32{2, 3}, out.Conflicts)
	require.ElementsMatch(t, []event.Event{a, b}, logged(t, pool, project), "the first content stays")

	// What is stored counts, not what stands first in the request.
	out, err = storeBatch(t, pool, project, newBatch(other, a, other), false)
	require.NoError(t, err)
	require.Equal(t, 3, out.Duplicates)
	require.Equal(t, []int32{0, 2}, out.Conflicts)
}

// The content is the JSON value, however it is spelt.
func TestStoreKnowsAnEventInAnotherSpelling(t *testing.T) {
	t.Parallel()
	for _, few := range []bool{true, false} {
		pool := pgtest.New(t)
		a := newEvent("1")
		a.Properties = `{"price": 10, "café": "a/b"}`
		batch := []event.Event{a}
		for len(batch) < copyFrom && !few {
			batch = append(batch, newEvent("2"))
		}
		_, err := storeBatch(t, pool, project, newBatch(batch...), true)
		require.NoError(t, err)
		for i, properties := range []string{`{"caf\u00e9":"a\/b","price":10.0}`, `{"price":1e1,"café":"a/b"}`} {
			batch[0].Properties = properties
			out, err := storeBatch(t, pool, project, newBatch(batch...), true)
			require.NoError(t, err, i)
			require.Equal(t, len(batch), out.Duplicates)
		}
		batch[0].Properties = `{"price": 10.01, "café": "a/b"}`
		_, err = storeBatch(t, pool, project, newBatch(batch...), true)
		require.ErrorIs(t, err, ErrConflict)
		require.Equal(t, a.Properties, logged(t, pool, project)[0].Properties, "the first spelling stays")
	}
}

// Rows of the version before tell nothing about a resend: they are duplicates, and
// the first content stays. New rows are as short as those were.
func TestOldLedgerRowsCauseNoConflict(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	a := newEvent("1")
	old := `INSERT INTO analytics.event_ids (event_id, project_id, content) VALUES ($1, $2, 1234)` // as that version does
	_, err := pool.Exec(t.Context(), old, a.ID, project)
	require.NoError(t, err)
	out, err := storeBatch(t, pool, project, newBatch(a, a), true)
	require.NoError(t, err)
	require.Equal(t, 2, out.Duplicates)
	require.Empty(t, logged(t, pool, project))

	batch := make([]event.Event, copyFrom)
	for i := range batch {
		batch[i] = newEvent("2")
	}
	_, err = storeBatch(t, pool, project, newBatch(batch...), false) // by COPY
	require.NoError(t, err)
	_, err = storeBatch(t, pool, project, newBatch(newEvent("3")), false) // by INSERT
	require.NoError(t, err)
	var longest int
	var told int
	require.NoError(t, pool.QueryRow(t.Context(), `
		SELECT max(pg_column_size(e)), count(*) FROM analytics.event_ids AS e WHERE content_version IS NULL`).Scan(&longest, &told))
	require.Equal(t, copyFrom+1, told)
	require.Equal(t, 56, longest)
}

func TestAtomicConflictStoresNothing(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	a, b := newEvent("1"), newEvent("2")
	_, err := storeBatch(t, pool, project, newBatch(a), false)
	require.NoError(t, err)
	other := a
	other.UserID = "9"
	_, err = storeBatch(t, pool, project, newBatch(b, other), true)
	require.ErrorIs(t, err, ErrConflict)
	require.Equal(t, []event.Event{a}, logged(t, pool, project))
	out, err := storeBatch(t, pool, project, newBatch(b, a), true)
	require.NoError(t, err)
	require.Equal(t, 1, out.Accepted)
}

func TestStoreSplitsBigBatches(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	events := make([]event.Event, 2*outbox.MaxEvents+1)
	for i := range events {
		events[i] = newEvent(fmt.Sprint(i))
	}
	out, err := storeBatch(t, pool, project, newBatch(events...), false)
	require.NoError(t, err)
	require.Equal(t, len(events), out.Accepted)
	require.Equal(t, events, logged(t, pool, project), "in the order of the request")
}

// TestOverlappingBatches sends the same events from several clients at once, in
// different orders: that deadlocks when ids are not inserted in one order.
func TestOverlappingBatches(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	const clients, events = 8, 3000
	all := make([]event.Event, events)
	for i := range all {
		all[i] = newEvent(fmt.Sprint(i))
	}
	var mu sync.Mutex
	var errs []error
	accepted, duplicates := 0, 0
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(c), 1))
			shuffled := slices.Clone(all)
			r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			for part := range slices.Chunk(shuffled, events/2) {
				var out Outcome
				err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) (err error) {
					out, err = AddIn(t.Context(), tx, project, newBatch(part...), false)
					return err
				})
				mu.Lock()
				errs = append(errs, err)
				accepted += out.Accepted
				duplicates += out.Duplicates
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	require.Equal(t, events, accepted)
	require.Equal(t, (clients-1)*events, duplicates)
	require.Equal(t, ids(all), ids(logged(t, pool, project)))
}

func TestRolledBackBatchLeavesNothing(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	a := newEvent("1")
	lost := errors.New("the connection broke")
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := AddIn(t.Context(), tx, project, newBatch(a), false)
		require.NoError(t, err)
		return lost
	})
	require.ErrorIs(t, err, lost)
	require.Empty(t, logged(t, pool, project))
	out, err := storeBatch(t, pool, project, newBatch(a), false)
	require.NoError(t, err)
	require.Equal(t, 1, out.Accepted)
}

func TestOutboxShowsEventsInPsql(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	e := newEvent("a\tb")
	e.Type, e.Properties = `back\slash`, "{\"a\":\n \"\\\\n\\t\"}"
	_, err := storeBatch(t, pool, project, newBatch(e, newEvent("x")), false)
	require.NoError(t, err)
	var got event.Event
	err = pool.QueryRow(context.Background(), `
		SELECT event_id, (extract(epoch FROM occurred_at) * 1000000)::bigint, user_id, event_type, properties
		FROM analytics.outbox_events WHERE project_id = $1 AND event_id = $2`, project, e.ID).
		Scan(&got.ID, &got.OccurredAt, &got.UserID, &got.Type, &got.Properties)
	require.NoError(t, err)
	require.Equal(t, e, got)
}

// Rows that were cut short, as by the end of the context they are encoded under,
// must not become less than what is answered as accepted.
func TestRowsCutShortAreRefused(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	uploads := []*upload{{project: project, batch: newBatch(newEvent("a"), newEvent("b"))}}
	short := encode(uploads, []known{{entry: entry{at: 1}}})
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := appendAll(t.Context(), tx, short, 2)
		return err
	})
	require.ErrorContains(t, err, "1 events of the ledger are missing")
	require.Empty(t, logged(t, pool, project))
}

// A project whose uploads wait for each other leaves connections to the others.
func TestAProjectLeavesConnections(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	s := New(Config{GroupCommit: true}, pool)
	busy := newEvent("1")
	first, err := pool.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = first.Rollback(context.WithoutCancel(t.Context())) }) // or the pool could not close
	_, err = AddIn(t.Context(), first, project, newBatch(busy), false)
	require.NoError(t, err)
	var waiting sync.WaitGroup
	connections := int(pool.Config().MaxConns)
	for range 2 * connections {
		waiting.Go(func() {
			out, err := s.Add(t.Context(), project, newBatch(newEvent("2"), busy), true)
			if err != nil || out.Duplicates != 1 {
				t.Errorf("%+v %v", out, err)
			}
		})
	}
	require.Eventually(t, func() bool { return pool.Stat().AcquiredConns() == int32(1+connections/2) }, wait, tick)
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	for _, atomic := range []bool{true, false} {
		out, err := s.Add(ctx, project+1, newBatch(newEvent("1")), atomic)
		require.NoError(t, err)
		require.Equal(t, 1, out.Accepted)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Add(cancelled, project, newBatch(newEvent("1")), true)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, first.Commit(t.Context()))
	waiting.Wait()
	require.Empty(t, s.places.of)
}
