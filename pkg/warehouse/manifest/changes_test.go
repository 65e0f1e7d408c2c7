package manifest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse/segment"
)

// changing is a manifest that all who may change it do, in turns.
type changing struct {
	*testing.T
	pool  *pgxpool.Pool
	rand  *rand.Rand
	lease *Lease
	open  []pgx.Tx // that have listed a segment
	xid   uint64
}

const changingProjects = 6

func (c *changing) made() segment.Segment {
	days := time.Duration(c.rand.IntN(100)) * 24 * time.Hour
	s := segment.Segment{
		ProjectID: 1 + c.rand.Int64N(changingProjects), Path: uuid.NewString(), Events: 1 + c.rand.Int64N(100), Bytes: 1, SHA256: sha256.Sum256(nil),
		MinAt: start.Add(days), MaxAt: start.Add(days), Epoch: 1, RollUp: &segment.Companion{Bytes: 1}, Shredded: []string{"text:country"},
	}
	if c.rand.IntN(2) == 0 {
		s.Users = &segment.Companion{Bytes: 2}
	}
	if c.rand.IntN(3) == 0 {
		s.Shredded = []string{}
	}
	return s
}

func (c *changing) some(most int) (all []segment.Segment) {
	for range c.rand.IntN(most + 1) {
		all = append(all, c.made())
	}
	return all
}

// live returns some live segments of one project.
func (c *changing) live(most int) []segment.Segment {
	all, err := Live(c.Context(), c.pool)
	require.NoError(c, err)
	project := 1 + c.rand.Int64N(changingProjects)
	all = slices.DeleteFunc(all, func(s segment.Segment) bool { return s.ProjectID != project })
	c.rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(most, len(all))]
}

func (c *changing) commit(f func(*Tx) error) { require.NoError(c, c.lease.Commit(c.Context(), f)) }

func (c *changing) exec(sql string, args ...any) {
	c.Helper()
	_, err := c.pool.Exec(c.Context(), sql, args...)
	require.NoError(c, err)
}

func (c *changing) raise() { c.exec("UPDATE analytics.sync_state SET version = version + 1") }

func (c *changing) acquire() {
	c.exec("UPDATE analytics.sync_state SET lease_until = 'epoch'")
	var err error
	c.lease, err = Acquire(c.Context(), c.pool, "test", time.Hour)
	require.NoError(c, err)
}

// step changes something.
func (c *changing) step() {
	ctx := c.Context()
	switch c.rand.IntN(14) {
	case 0, 1, 2, 3: // a load
		c.xid++
		at := outbox.Position{Incarnation: c.lease.acquired.Incarnation, XID: c.xid}
		c.commit(func(tx *Tx) error {
			return tx.Advance(ctx, at, time.Time{}, c.some(3), 1+c.rand.Int64N(changingProjects))
		})
	case 4, 5: // a merge
		in := c.live(4)
		c.commit(func(tx *Tx) error { return tx.Replace(ctx, in, c.some(2)) })
	case 6: // an upgrade in place, or a note of a size
		for _, s := range c.live(1) {
			if s.Users != nil {
				require.NoError(c, Measured(ctx, c.pool, s, 7))
				continue
			}
			s.Users = &segment.Companion{Bytes: 3}
			c.commit(func(tx *Tx) error { return tx.AddUsers(ctx, s) })
		}
	case 7: // a rebuild
		for _, s := range c.live(1) {
			require.NoError(c, pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
				_, err := Swap(ctx, tx, s, c.made())
				return err
			}))
		}
	case 8: // a collection
		c.commit(func(tx *Tx) error { _, err := tx.Expire(ctx, 0); return err })
	case 9: // by hand: a segment is given up, or its row deleted
		for _, s := range c.live(1) {
			sql := "UPDATE analytics.segments SET replaced_at = now() WHERE id = $1"
			if c.rand.IntN(2) == 0 {
				sql = "DELETE FROM analytics.segments WHERE id = $1"
			}
			c.exec(sql, s.ID)
			c.raise()
		}
	case 10: // links, or properties of users
		require.NoError(c, pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error { return Raise(ctx, tx, 1+c.rand.Int64N(changingProjects)) }))
	case 11: // a transaction that others overtake
		if len(c.open) == 3 { // of the connections of the pool
			return
		}
		tx, err := c.pool.Begin(ctx)
		require.NoError(c, err)
		require.NoError(c, Insert(ctx, tx, []segment.Segment{c.made()}))
		c.open = append(c.open, tx)
	case 12: // its end
		if len(c.open) > 0 {
			i := c.rand.IntN(len(c.open))
			tx := c.open[i]
			c.open = slices.Delete(c.open, i, i+1)
			if c.rand.IntN(3) == 0 {
				require.NoError(c, tx.Rollback(ctx))
			} else {
				require.NoError(c, tx.Commit(ctx))
			}
			c.raise()
		}
	case 13:
		if c.rand.IntN(4) == 0 {
			c.restore()
		}
	}
}

// restore is what a dump does in another cluster, whose transactions have lower ids than
// its rows.
func (c *changing) restore() {
	c.endAll()
	ctx := c.Context()
	require.NoError(c, pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		for _, sql := range []string{
			"SET LOCAL session_replication_role = replica", // no triggers
			"DELETE FROM analytics.segments WHERE id = (SELECT max(id) FROM analytics.segments)",
			"UPDATE analytics.segments SET changed_xid = '1000000000'", "UPDATE analytics.project_versions SET changed_xid = '1000000000'",
			"UPDATE analytics.sync_state SET system_identifier = 1, deleted_xid = '1000000000'",
		} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(c, pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error { _, _, err := Reincarnate(ctx, tx); return err }))
	require.Zero(c, value[int](c.T, c.pool, "SELECT count(*) FROM analytics.segments WHERE changed_xid >= '1000000000'"))
	c.acquire()
	c.xid = c.lease.acquired.XID
}

func (c *changing) endAll() {
	for _, tx := range c.open {
		require.NoError(c, tx.Commit(c.Context()))
	}
	c.open = nil
	c.raise()
}

func (c *changing) rollBack() {
	for _, tx := range c.open {
		_ = tx.Rollback(context.WithoutCancel(c.Context())) // the pool is closed when they gave their connections back
	}
}

// content is what a snapshot says.
type content struct {
	Segments map[int64][]segment.Segment
	Versions map[int64]int64
}

func contentOf(s *Snapshot) content {
	c := content{map[int64][]segment.Segment{}, map[int64]int64{}}
	for project := range int64(changingProjects + 2) {
		c.Segments[project] = slices.Clone(s.Segments(project, time.Time{}, time.Time{}))
		c.Versions[project] = s.ProjectVersion(project)
	}
	return c
}

// A snapshot that is made from an earlier one is the one that is read whole, whoever changed
// what in between and in whatever order that was committed; and the earlier one stays.
func TestSnapshotsFromChanges(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			c := &changing{T: t, pool: pgtest.New(t), rand: rand.New(rand.NewPCG(seed, 1))}
			t.Cleanup(c.rollBack)
			c.acquire()
			type reader struct {
				known  *Snapshot
				before content
				often  int // of ten steps
			}
			readers := []*reader{{often: 9}, {often: 5}, {often: 1}}
			shared := 0
			for step := range 200 {
				c.step()
				for _, r := range readers {
					if c.rand.IntN(10) >= r.often {
						continue
					}
					next, err := ReadAfter(t.Context(), c.pool, r.known)
					require.NoError(t, err)
					if r.known != nil && r.known.Version == next.Version && r.known.Position == next.Position {
						continue // what was changed without a version comes with the next
					}
					whole, err := Read(t.Context(), c.pool)
					require.NoError(t, err)
					require.Equal(t, contentOf(whole), contentOf(next), "step %d", step)
					require.Equal(t, whole.Live(), next.Live())
					require.ElementsMatch(t, slices.Collect(whole.Projects()), slices.Collect(next.Projects()))
					if r.known != nil {
						require.Equal(t, r.before, contentOf(r.known), "step %d: an earlier snapshot changed", step)
						c.compare(r.known, next)
						for id, p := range next.projects {
							if p.list == r.known.projects[id].list {
								shared++
							}
						}
					}
					r.known, r.before = next, contentOf(next)
				}
			}
			c.endAll()
			require.Greater(t, shared, 200, "most projects are not read again")
		})
	}
}

// compare checks what a snapshot says of its differences from one before.
func (c *changing) compare(before, after *Snapshot) {
	c.Helper()
	differing := slices.Collect(after.Differing(before))
	for project := range int64(changingProjects + 2) {
		was, is := before.Segments(project, time.Time{}, time.Time{}), after.Segments(project, time.Time{}, time.Time{})
		left, came := after.Diff(before, project)
		if !slices.Contains(differing, project) {
			require.Equal(c, was, is)
			require.Empty(c, append(left, came...))
			continue
		}
		names := map[string]bool{}
		for _, s := range was {
			names[s.Path] = true
		}
		for _, s := range left {
			delete(names, s.Path)
		}
		for _, s := range came {
			names[s.Path] = true
		}
		require.Len(c, names, len(is))
		for _, s := range is {
			require.True(c, names[s.Path])
		}
	}
}

// A server that was restarted may be another one, or have been restored.
func TestRestartedServersAreReadWhole(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	known, err := Read(t.Context(), pool)
	require.NoError(t, err)
	require.NoError(t, Insert(t.Context(), pool, []segment.Segment{{ProjectID: 1, Path: "a", Events: 1, MinAt: start, MaxAt: start}}))
	_, err = pool.Exec(t.Context(), "UPDATE analytics.sync_state SET version = version + 1; SET session_replication_role = replica; UPDATE analytics.segments SET changed_xid = '0'; RESET session_replication_role")
	require.NoError(t, err)
	next, err := ReadAfter(t.Context(), pool, known)
	require.NoError(t, err)
	require.Zero(t, next.Live(), "this cannot be seen otherwise")
	known.mark.started = known.mark.started.Add(-time.Second)
	next, err = ReadAfter(t.Context(), pool, known)
	require.NoError(t, err)
	require.Equal(t, 1, next.Live())
}
