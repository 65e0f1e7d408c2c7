package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/platform/postgres/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// The baseline must have exactly the same events, or the ratios are wrong.
func TestCopyHoldsTheEventsThatAreSent(t *testing.T) {
	t.Parallel()
	b := &bench{options: options{Events: 500, Seed: 1}}
	require.NoError(t, b.makeEvents())
	sent := b.stream.Append(nil, 500)
	batch, err := event.Decode(bytes.NewReader(b.pool.Append(nil, sent)), false, event.Limits{MaxEvents: 500, NotAfter: time.Now()})
	require.NoError(t, err)
	require.Empty(t, batch.Invalid)

	ctx, pool := t.Context(), pgtest.New(t)
	conn, err := pool.Acquire(ctx)
	require.NoError(t, err)
	defer conn.Release()
	_, err = conn.Exec(ctx, `CREATE SCHEMA bench`)
	require.NoError(t, err)
	_, err = conn.Exec(ctx, createCopySQL)
	require.NoError(t, err)
	_, err = conn.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(b.encode(sent)), copySQL)
	require.NoError(t, err)

	rows, err := conn.Query(ctx, `
		SELECT event_id, (extract(epoch FROM occurred_at) * 1000000)::bigint, user_id, event_type, properties FROM bench.copied`)
	require.NoError(t, err)
	copied, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e event.Event, err error) {
		return e, row.Scan(&e.ID, &e.OccurredAt, &e.UserID, &e.Type, &e.Properties)
	})
	require.NoError(t, err)
	require.ElementsMatch(t, batch.Events, copied)
}

func TestSortedByIDKeepsAllAndTheOrderSent(t *testing.T) {
	t.Parallel()
	b := &bench{options: options{Events: 100, Seed: 1}}
	require.NoError(t, b.makeEvents())
	sent := b.stream.Append(nil, 100)
	before := bytes.Clone(b.encode(sent))
	sorted := sortedByID(sent)
	require.ElementsMatch(t, sent, sorted)
	require.Equal(t, before, b.encode(sent))
	for i := 1; i < len(sorted); i++ {
		require.Negative(t, bytes.Compare(sorted[i-1].ID[:], sorted[i].ID[:]))
	}
}

func TestFlatnessLeavesTheStartOut(t *testing.T) {
	t.Parallel()
	const mb = 1_000_000
	require.Contains(t, flatness([]uint64{10 * mb, 50 * mb, 40 * mb, 50 * mb}), "+0 %")
	require.Contains(t, flatness([]uint64{900 * mb, 50 * mb, 60 * mb, 100 * mb}), "+100 %")
	require.Contains(t, flatness(nil), "Too short")
}
