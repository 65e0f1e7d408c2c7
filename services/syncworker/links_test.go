package syncworker

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/identity"
	"eventanalytics/pkg/identity/links"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/services/syncworker/admin"
)

// claim appends links from ids to one in a transaction, with events if there are any.
func claim(t *testing.T, pool *pgxpool.Pool, kind identity.Kind, to string, from []string, events ...event.Event) (at outbox.Position) {
	t.Helper()
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) (err error) {
		if at, err = outbox.Own(t.Context(), tx); err != nil {
			return err
		}
		var claims []links.Claim
		for _, id := range from {
			claims = append(claims, links.Claim{Claim: identity.Claim{Kind: kind, From: id, To: to, MadeBy: "api"}, Project: 1})
		}
		if err := links.Append(t.Context(), tx, claims); err != nil || len(events) == 0 {
			return err
		}
		at, err = outbox.Append(t.Context(), tx, 1, events)
		return err
	}))
	return at
}

func linked(t *testing.T, pool *pgxpool.Pool) int {
	t.Helper()
	return value[int](t, pool, "SELECT coalesce(sum(links), 0) FROM analytics.identity_projects")
}

// Links count from their position on: alone, and before the events of their transaction.
func TestLinksComeWithPositions(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	leader.loadAll(t, claim(t, pool, identity.Link, "ann", []string{"a1"}))
	require.Equal(t, 1, linked(t, pool))
	before, err := manifest.Read(t.Context(), pool)
	require.NoError(t, err)
	require.NotZero(t, before.ProjectVersion(1), "answers may be others")

	events := someEvents(3, 1)
	leader.loadAll(t, claim(t, pool, identity.Link, "ann", []string{"a2", "a3"}, events...))
	require.Equal(t, 3, linked(t, pool))
	require.Equal(t, ids(events), visible(t, cfg, pool, 1))
	leader.loadAll(t, claim(t, pool, identity.Unlink, "ann", []string{"a2"}))
	require.Equal(t, 2, linked(t, pool))
	at := claim(t, pool, identity.Known, "", []string{"ann"})
	version := value[int64](t, pool, "SELECT version FROM analytics.project_versions")
	leader.loadAll(t, at)
	require.Equal(t, version, value[int64](t, pool, "SELECT version FROM analytics.project_versions"), "no answer is another")
	require.Zero(t, value[int](t, pool, "SELECT count(*) FROM analytics.identity_claims WHERE incarnation IS NULL"))
}

// More claims than are applied at once, with events between them: neither is ahead of
// the other.
func TestManyClaims(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	many := func(prefix string) []string {
		all := make([]string, 30_000)
		for i := range all {
			all[i] = fmt.Sprint(prefix, i)
		}
		return all
	}
	var events [3][]event.Event
	var at outbox.Position
	for i := range events {
		events[i] = someEvents(2, 1)
		at = claim(t, pool, identity.Link, "ann", many(fmt.Sprint("d", i, "-")), events[i]...)
	}
	leader.loadAll(t, at)
	require.Equal(t, 90_000, linked(t, pool))
	require.Equal(t, ids(events[:]...), visible(t, cfg, pool, 1))
	require.Equal(t, 3, value[int](t, pool, "SELECT count(DISTINCT xid)::integer FROM analytics.identity_links"))
}

// A load that fails applies nothing, and the next all, once.
func TestLinksAfterAFailure(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	events := someEvents(3, 1)
	at := claim(t, pool, identity.Link, "ann", []string{"a1"}, events...)
	undo := failCommits(t, pool, "false")
	require.Eventually(t, func() bool {
		_, err := leader.loader.Once(t.Context())
		return err != nil
	}, 30*time.Second, 5*time.Millisecond)
	require.Zero(t, linked(t, pool))
	undo()
	leader.loadAll(t, at)
	require.Equal(t, 1, linked(t, pool))
	require.Equal(t, ids(events), visible(t, cfg, pool, 1))
}

// The log makes the same links again, and others are put right.
func TestLinksAreRebuilt(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	leader.loadAll(t, claim(t, pool, identity.Link, "ann", []string{"a1", "a2"}, someEvents(1, 1)...))
	rebuild := func() bool {
		r, err := admin.Rebuild(t.Context(), pool, cfg.Warehouse, fates{}.report)
		require.NoError(t, err)
		return r.Relinked
	}
	require.False(t, rebuild())
	exec(t, pool, "DELETE FROM analytics.identity_links WHERE from_id = 'a1'")
	version := value[int64](t, pool, "SELECT version FROM analytics.project_versions")
	require.True(t, rebuild())
	require.Greater(t, value[int64](t, pool, "SELECT version FROM analytics.project_versions"), version)
	require.Equal(t, 2, value[int](t, pool, "SELECT count(*)::integer FROM analytics.identity_links"))
	require.False(t, rebuild())
}
