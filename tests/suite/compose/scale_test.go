package compose

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// load posts and asks from many clients at once until it is stopped.
type load struct {
	clients []*caller
	stop    context.CancelFunc
	done    *errgroup.Group
}

func start(t *testing.T, clients []*caller) *load {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	g, ctx := errgroup.WithContext(ctx)
	for i, c := range clients {
		g.Go(func() error {
			pace := time.NewTicker(200 * time.Millisecond) // what is tested is not speed
			defer pace.Stop()
			for round := 0; ctx.Err() == nil; round++ {
				<-pace.C
				// A request that has begun is finished: its outcome counts.
				if err := c.post(context.WithoutCancel(ctx), []int{1, 10, 100, 1000}[(i+round)%4]); err != nil {
					return fmt.Errorf("%s: %w", c.Username, err)
				}
				if round%5 > 0 {
					continue
				}
				if err := c.ask(context.WithoutCancel(ctx)); err != nil {
					return fmt.Errorf("%s: %w", c.Username, err)
				}
			}
			return nil
		})
	}
	return &load{clients: clients, stop: stop, done: g}
}

// finish ends the load; every answer has to have been right.
func (l *load) finish(t *testing.T) {
	t.Helper()
	l.stop()
	require.NoError(t, l.done.Wait())
}

func (l *load) sum() (events, answers, unsettled int) {
	for _, c := range l.clients {
		events += len(c.ids)
		answers += c.answers
		unsettled += c.unsettled
	}
	return
}

func newCallers(t *testing.T, n int) []*caller {
	t.Helper()
	var all []*caller
	for range n {
		all = append(all, newCaller(t))
	}
	return all
}

// TestScaling scales every service up while clients post, kills a container of
// each kind and restarts Postgres. No acknowledged event may be lost or counted
// twice, and no answer be older than the client's last one: ask checks it.
func TestScaling(t *testing.T) {
	l := start(t, newCallers(t, 8))
	must(t, "docker", "compose", "up", "--detach", "--wait", "--scale", "account=2", "--scale", "ingest=3", "--scale", "stats=3", "--scale", "syncworker=2")
	for service, n := range map[string]int{"account": 2, "ingest": 3, "stats": 3, "syncworker": 2} {
		require.Len(t, containers(t, service), n)
	}

	for _, service := range []string{"account", "ingest", "stats", "redis", "postgres", "gateway"} {
		all := containers(t, service)
		began := time.Now()
		kill(t, all[0])
		awaitHealthy(t, service, len(all))
		awaitReady(t)
		t.Logf("%s: killed, well again after %s", service, time.Since(began).Round(100*time.Millisecond))
	}
	killLeader(t)
	must(t, "docker", "compose", "restart", "postgres")
	awaitHealthy(t, "postgres", 1)
	awaitReady(t)

	l.finish(t)
	for _, c := range l.clients {
		require.NoError(t, c.ask(t.Context()), c.Username)
	}
	events, answers, unsettled := l.sum()
	t.Logf("%d events acknowledged, each counted once; %d requests answered at once, %d sent again", events, answers, unsettled)
	require.NotZero(t, unsettled, "killing was felt")
	agree(t)
}

// takeoverSQL waits in the database, which is exact on a busy machine, until
// another leads, and tells how long the lease had run out by then.
const takeoverSQL = `
DO $$
DECLARE
    before  analytics.sync_state;
    current analytics.sync_state;
BEGIN
    SELECT * INTO current FROM analytics.sync_state;
    LOOP
        before := current;
        PERFORM pg_sleep(0.02);
        SELECT * INTO current FROM analytics.sync_state;
        EXIT WHEN current.epoch > before.epoch;
    END LOOP;
    RAISE NOTICE '% leads after %', split_part(current.leader, '/', 1), extract(epoch FROM clock_timestamp() - before.lease_until);
END
$$`

// killLeader kills the worker that leads, for good; the standby has to take over
// within a lease of its end, by the database's clock.
func killLeader(t *testing.T) {
	t.Helper()
	leader, err := sql("SELECT split_part(leader, '/', 1) FROM analytics.sync_state")
	require.NoError(t, err, leader)
	all := containers(t, "syncworker")
	require.Len(t, all, 2)
	standby := all[0]
	if strings.HasPrefix(standby, leader) {
		standby = all[1]
	}
	var took string
	var g errgroup.Group
	g.Go(func() (err error) {
		took, err = sql(takeoverSQL)
		return err
	})
	must(t, "docker", "kill", leader)
	require.NoError(t, g.Wait(), took)
	match := regexp.MustCompile(`(\w+) leads after ([0-9.]+)`).FindStringSubmatch(took)
	require.NotNil(t, match, took)
	require.True(t, strings.HasPrefix(standby, match[1]), "the standby %s leads: %s", standby, took)
	seconds, err := strconv.ParseFloat(match[2], 64)
	require.NoError(t, err)
	t.Logf("the standby led %.1f s after the killed leader's lease had run out", seconds)
	require.Less(t, seconds, 5.0, "WORKER_LEASE")
	must(t, "docker", "start", leader)
	awaitHealthy(t, "syncworker", 2)
}

// agree compares the ledger with the manifest: after all has been loaded they
// have the same number of events.
func agree(t *testing.T) {
	t.Helper()
	out, err := sql(`SELECT (SELECT count(*) FROM analytics.event_ids),
		(SELECT sum(events) FROM analytics.segments WHERE replaced_at IS NULL), (SELECT count(*) FROM analytics.dead_letters)`)
	require.NoError(t, err, out)
	fields := strings.Split(out, "|")
	require.Equal(t, fields[0], fields[1], "events in the ledger and in the manifest")
	require.Equal(t, "0", fields[2], "dead letters")
}

// TestRollout replaces every container of the services while clients post: no
// request may fail, not even at the first try.
func TestRollout(t *testing.T) {
	must(t, "docker", "compose", "up", "--detach", "--wait", "--scale", "account=2", "--scale", "ingest=2", "--scale", "stats=2", "--scale", "syncworker=2")
	before := map[string][]string{}
	for _, service := range []string{"account", "ingest", "stats", "syncworker"} {
		before[service] = containers(t, service)
	}
	// Few clients: on a machine that is overloaded requests fail for other reasons.
	l := start(t, newCallers(t, 3))
	t.Log(must(t, "deployments/rollout"))
	l.finish(t)
	for service, old := range before {
		now := containers(t, service)
		require.Len(t, now, len(old), service)
		for _, container := range old {
			require.NotContains(t, now, container, service)
		}
	}
	events, answers, unsettled := l.sum()
	t.Logf("%d events acknowledged; %d requests answered at once", events, answers)
	require.Zero(t, unsettled, "requests that had to be sent again")
	for _, c := range l.clients {
		require.NoError(t, c.ask(t.Context()), c.Username)
	}
}
