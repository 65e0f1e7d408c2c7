package syncworker

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/identity"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/traits"
	"eventanalytics/pkg/traits/traitlog"
	"eventanalytics/services/syncworker/admin"
)

// change appends changes that set n to numbers, one after the other, in a transaction, with
// events if there are any.
func change(t *testing.T, pool *pgxpool.Pool, user string, from, to int, events ...event.Event) (at outbox.Position) {
	t.Helper()
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) (err error) {
		if at, err = outbox.Own(t.Context(), tx); err != nil {
			return err
		}
		var entries []traitlog.Entry
		for n := from; n <= to; n++ {
			step := traits.Step{Do: traits.Set, Name: "n", Value: json.RawMessage(fmt.Sprint(n))}
			subject := traits.Subject{Kind: traits.User, ID: user}
			entries = append(entries, traitlog.Entry{Change: traits.Change{Subject: subject, Steps: []traits.Step{step}}, Project: 1})
		}
		if err := traitlog.Append(t.Context(), tx, entries); err != nil || len(events) == 0 {
			return err
		}
		at, err = outbox.Append(t.Context(), tx, 1, events)
		return err
	}))
	return at
}

func property(t *testing.T, pool *pgxpool.Pool, user string) string {
	t.Helper()
	return value[string](t, pool, "SELECT coalesce(max(value), '') FROM analytics.traits WHERE id = '"+user+"'")
}

// Changes count from their position on: alone, and with the events of their transaction.
func TestTraitsComeWithPositions(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	leader.loadAll(t, change(t, pool, "ann", 1, 1))
	require.Equal(t, "1", property(t, pool, "ann"))
	version := value[int64](t, pool, "SELECT version FROM analytics.project_versions")

	events := someEvents(3, 1)
	leader.loadAll(t, change(t, pool, "ann", 2, 3, events...))
	require.Equal(t, "3", property(t, pool, "ann"))
	require.Equal(t, ids(events), visible(t, cfg, pool, 1))
	leader.loadAll(t, change(t, pool, "ann", 4, 4))
	raised := value[int64](t, pool, "SELECT version FROM analytics.project_versions")
	require.Greater(t, raised, version, "answers may be others")
	leader.loadAll(t, change(t, pool, "ann", 4, 4))
	require.Equal(t, raised, value[int64](t, pool, "SELECT version FROM analytics.project_versions"), "no answer is another")
	require.Zero(t, value[int](t, pool, "SELECT count(*) FROM analytics.trait_changes WHERE incarnation IS NULL"))
}

// More changes and claims than are applied at once, with events between them: none of them
// is ahead of the others.
func TestManyTraits(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	var events [4][]event.Event
	var at outbox.Position
	for i := range events {
		events[i] = someEvents(2, 1)
		if i == 2 {
			many := make([]string, 60_000)
			for i := range many {
				many[i] = fmt.Sprint("d", i)
			}
			claim(t, pool, identity.Link, "ann", many)
		}
		at = change(t, pool, fmt.Sprint("u", i), 1, 6_000, events[i]...)
	}
	loads := 0
	for value[int](t, pool, "SELECT count(*) FROM analytics.trait_changes WHERE incarnation IS NULL") > 0 {
		_, err := leader.loader.Once(t.Context())
		require.NoError(t, err)
		// What is behind the position is applied, and nothing else.
		require.Zero(t, value[int](t, pool, `SELECT count(*) FROM analytics.trait_changes AS c, analytics.sync_state AS s
			WHERE (c.incarnation IS NULL) = (c.xid <= s.xid)`))
		require.Zero(t, value[int](t, pool, `SELECT count(*) FROM analytics.identity_claims AS c, analytics.sync_state AS s
			WHERE (c.incarnation IS NULL) = (c.xid <= s.xid)`))
		loads++
	}
	require.Greater(t, loads, 2)
	leader.loadAll(t, at)
	require.Equal(t, ids(events[:]...), visible(t, cfg, pool, 1))
	for i := range events {
		require.Equal(t, "6000", property(t, pool, fmt.Sprint("u", i)))
	}
}

// A load that fails applies nothing, and the next all, once.
func TestTraitsAfterAFailure(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	at := change(t, pool, "ann", 1, 3, someEvents(3, 1)...)
	undo := failCommits(t, pool, "false")
	require.Eventually(t, func() bool {
		_, err := leader.loader.Once(t.Context())
		return err != nil
	}, 30*time.Second, 5*time.Millisecond)
	require.Empty(t, property(t, pool, "ann"))
	undo()
	leader.loadAll(t, at)
	require.Equal(t, "3", property(t, pool, "ann"))
}

// The log makes the same properties again, and others are put right.
func TestTraitsAreRebuilt(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	leader.loadAll(t, change(t, pool, "ann", 1, 3, someEvents(1, 1)...))
	rebuild := func() bool {
		r, err := admin.Rebuild(t.Context(), pool, cfg.Warehouse, fates{}.report)
		require.NoError(t, err)
		require.False(t, r.Relinked)
		return r.Reset
	}
	require.False(t, rebuild())
	exec(t, pool, "UPDATE analytics.traits SET value = '9'")
	version := value[int64](t, pool, "SELECT version FROM analytics.project_versions")
	require.True(t, rebuild())
	require.Greater(t, value[int64](t, pool, "SELECT version FROM analytics.project_versions"), version)
	require.Equal(t, "3", property(t, pool, "ann"))
	require.False(t, rebuild())
}
