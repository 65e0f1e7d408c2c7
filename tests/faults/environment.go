package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/client"
	"eventanalytics/pkg/platform/failpoint"
	"eventanalytics/tests/harness/stack"
	"eventanalytics/tests/harness/stack/disk"
)

// environmentFaults come from outside the services.
func environmentFaults() []fault {
	all := []fault{
		{name: "postgres immediate restart", strike: postgresEnds(syscall.SIGQUIT)},
		{name: "postgres killed", strike: postgresEnds(syscall.SIGKILL)},
		{name: "postgres paused", strike: postgresPaused},
		{name: "redis killed", strike: redisKilled},
		{name: "redis paused", strike: redisPaused},
		{name: "gateway killed", strike: gatewayKilled},
		{name: "connections cut", strike: connectionsCut},
		{name: "network down", strike: networkDown},
		{name: "commit answer lost in ingest", strike: answerLost(failpoint.IngestBeforeCommit)},
		{name: "commit answer lost in load", strike: answerLost(failpoint.LoadInCommit)},
		{name: "commit answer lost in compaction", strike: answerLost(failpoint.CompactInSwap)},
		{name: "foreign transaction", strike: foreignTransaction},
		{name: "slow transaction", strike: slowTransaction},
		{name: "crossing uploads", strike: crossing},
		{name: "damaged row in the outbox", strike: damagedRow},
		{name: "unread row in an old partition", strike: unreadPartition},
		{name: "leader paused in garbage collection", strike: pausedCollector},
		{name: "two leaders", strike: twoLeaders},
		{name: "everything killed", strike: everythingKilled},
		{name: "accounts away", strike: accountsAway},
		{name: "migration cut", strike: migrationCut},
		{name: "warehouse disk full", strike: diskFull(func(c *cluster) *disk.Disk { return c.disks.warehouse })},
		{name: "postgres disk full", strike: diskFull(func(c *cluster) *disk.Disk { return c.disks.postgres })},
	}
	for _, program := range programs {
		all = append(all,
			fault{name: program + " killed", strike: serviceKilled(program)},
			fault{name: program + " paused", strike: servicePaused(program)},
			fault{name: program + " stopped in good order", strike: serviceStopped(program)})
	}
	for _, off := range []time.Duration{-24 * time.Hour, -time.Hour, time.Hour} {
		all = append(all, fault{name: fmt.Sprintf("clock off by %.0f h", off.Hours()), strike: clockOff(func() time.Duration { return off })})
	}
	all = append(all, fault{name: "clock across midnight", strike: clockOff(toMidnight)})
	if stack.Objects() {
		all = append(all, bucketFaults()...)
	}
	return append(all, damages()...)
}

var programs = []string{"account", "ingest", "syncworker", "stats"}

// either returns one of the two processes of a service.
func (c *cluster) either(rng *rand.Rand, program string) *service {
	return c.services[fmt.Sprintf("%s-%d", program, 1+rng.IntN(2))]
}

// anyone returns a random service.
func (c *cluster) anyone(rng *rand.Rand) *service {
	return c.either(rng, programs[rng.IntN(len(programs))])
}

func serviceKilled(program string) strike {
	return func(ctx context.Context, c *cluster, rng *rand.Rand) (bool, error) {
		s := c.either(rng, program)
		if err := s.Kill(); err != nil {
			return false, err
		}
		return true, awaitEnd(ctx, s)
	}
}

func servicePaused(program string) strike {
	return func(ctx context.Context, c *cluster, rng *rand.Rand) (bool, error) {
		s := c.either(rng, program)
		if err := syscall.Kill(s.PID(), syscall.SIGSTOP); err != nil {
			return false, err
		}
		pause(ctx, pausedFor)
		return true, syscall.Kill(s.PID(), syscall.SIGCONT)
	}
}

// accountsAway kills both processes that keep accounts. Keys that were made before
// stay good: uploads are taken, and asked for, as if nothing had happened.
func accountsAway(ctx context.Context, c *cluster, rng *rand.Rand) (bool, error) {
	for _, name := range []string{"account-1", "account-2"} {
		s := c.services[name]
		if err := errors.Join(s.Kill(), awaitEnd(ctx, s)); err != nil {
			return false, err
		}
	}
	for range 10 {
		u := upload{form: native, base: c.url(), events: []event{newEvent(rng, 0)}}
		e, err := (&poster{project: c.spare}).post(ctx, u)
		if err != nil {
			return false, err
		}
		if e.Status != u.form.stored {
			return false, failed("answers", "an upload while accounts are away is answered %d", e.Status)
		}
		var totals []struct{ Events int }
		_, status, err := ask(ctx, c.url(), c.spare, client.Question{
			Metric: "events", Values: url.Values{"from": {firstDay}, "to": {lastDay}, "interval": {"month"}}, MinPosition: e.Position,
		}, &totals)
		if err != nil {
			return false, err
		}
		if status != http.StatusOK {
			return false, failed("answers", "a question while accounts are away is answered %d", status)
		}
		pause(ctx, 50*time.Millisecond)
	}
	return true, nil
}

func serviceStopped(program string) strike {
	return func(_ context.Context, c *cluster, rng *rand.Rand) (bool, error) {
		return true, c.either(rng, program).Stop()
	}
}

// postmaster returns the process number of the running server.
func (c *cluster) postmaster() (int, error) {
	text, err := os.ReadFile(filepath.Join(c.postgres(), "data", "postmaster.pid"))
	if err != nil {
		return 0, fmt.Errorf("looking for Postgres: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(line)
}

func postgresEnds(how syscall.Signal) strike {
	return func(ctx context.Context, c *cluster, rng *rand.Rand) (bool, error) {
		return true, c.endPostgres(ctx, rng, how)
	}
}

// endPostgres ends the server without a checkpoint and restarts it shortly after.
func (c *cluster) endPostgres(ctx context.Context, rng *rand.Rand, how syscall.Signal) error {
	pid, err := c.postmaster()
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, how); err != nil {
		return fmt.Errorf("ending Postgres: %w", err)
	}
	select {
	case <-c.server.Done():
	case <-ctx.Done():
		return fmt.Errorf("ending Postgres: %w", ctx.Err())
	}
	pause(ctx, time.Duration(rng.IntN(500))*time.Millisecond)
	return c.restartPostgres(ctx)
}

// postgresPaused halts the server and all its children.
func postgresPaused(ctx context.Context, c *cluster, rng *rand.Rand) (bool, error) {
	pid, err := c.postmaster()
	if err != nil {
		return false, err
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return false, fmt.Errorf("halting Postgres: %w", err)
	}
	pids := append([]int{pid}, children(pid)...)
	signal := func(s syscall.Signal) {
		for _, pid := range pids {
			_ = syscall.Kill(pid, s) // it may have ended
		}
	}
	signal(syscall.SIGSTOP)
	pause(ctx, time.Duration(200+rng.IntN(1500))*time.Millisecond)
	signal(syscall.SIGCONT)
	return true, nil
}

func children(pid int) (pids []int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)) // no such file: no children
	for _, field := range strings.Fields(string(text)) {
		if child, err := strconv.Atoi(field); err == nil {
			pids = append(pids, child)
		}
	}
	return pids
}

func redisKilled(ctx context.Context, c *cluster, _ *rand.Rand) (bool, error) {
	if err := c.redis.Kill(); err != nil {
		return false, err
	}
	<-c.redis.Ended()
	pause(ctx, 500*time.Millisecond)
	return true, nil
}

func redisPaused(ctx context.Context, c *cluster, _ *rand.Rand) (bool, error) {
	if err := syscall.Kill(c.redis.PID(), syscall.SIGSTOP); err != nil {
		return false, err
	}
	pause(ctx, time.Second)
	return true, syscall.Kill(c.redis.PID(), syscall.SIGCONT)
}

// gatewayKilled ends nginx with its workers, and all connections through it.
func gatewayKilled(_ context.Context, c *cluster, _ *rand.Rand) (bool, error) {
	if err := syscall.Kill(-c.gateway.PID(), syscall.SIGKILL); err != nil {
		return false, err
	}
	<-c.gateway.Ended()
	return true, nil
}

// connectionsCut drops a service's connections to Postgres, up to four times.
func connectionsCut(ctx context.Context, c *cluster, rng *rand.Rand) (bool, error) {
	s := c.anyone(rng)
	for range 1 + rng.IntN(4) {
		s.proxy.cut()
		if err := s.proxy.up(); err != nil {
			return false, err
		}
		pause(ctx, time.Duration(rng.IntN(200))*time.Millisecond)
	}
	return true, nil
}

// networkDown keeps a service away from Postgres for longer than a lease.
func networkDown(ctx context.Context, c *cluster, rng *rand.Rand) (bool, error) {
	s := c.anyone(rng)
	s.proxy.cut()
	pause(ctx, pausedFor)
	return true, s.proxy.up()
}

// answerLost lets a COMMIT reach Postgres but loses the answer.
func answerLost(point failpoint.Name) strike {
	return func(ctx context.Context, c *cluster, rng *rand.Rand) (bool, error) {
		s, err := c.hit(ctx, rng, point, "stop")
		if s == nil || err != nil {
			return false, err
		}
		err = errors.Join(s.proxy.mute(), syscall.Kill(s.PID(), syscall.SIGCONT))
		pause(ctx, 300*time.Millisecond)
		s.proxy.cut()
		return true, errors.Join(err, s.proxy.unmute(ctx), s.proxy.up())
	}
}

// everythingKilled is a power cut that spares the page cache.
func everythingKilled(ctx context.Context, c *cluster, rng *rand.Rand) (bool, error) {
	for _, s := range c.sorted() {
		if err := s.Kill(); err != nil {
			return false, err
		}
	}
	if err := errors.Join(c.redis.Kill(), syscall.Kill(-c.gateway.PID(), syscall.SIGKILL)); err != nil {
		return false, err
	}
	<-c.redis.Ended()
	<-c.gateway.Ended()
	for _, s := range c.sorted() {
		if err := awaitEnd(ctx, s); err != nil {
			return false, err
		}
	}
	return true, c.endPostgres(ctx, rng, syscall.SIGKILL)
}

// pausedCollector halts a leader that collects garbage, with a clock that makes
// every file old, until its successor has written a file that the manifest does
// not know yet.
func pausedCollector(ctx context.Context, c *cluster, rng *rand.Rand) (bool, error) {
	for _, s := range c.having(failpoint.CollectBeforeUnlink) {
		if err := arm(s, "clock", "2h"); err != nil {
			return false, err
		}
	}
	first, err := c.hit(ctx, rng, failpoint.CollectBeforeUnlink, "stop")
	if first == nil || err != nil {
		return false, err
	}
	second, err := c.hit(ctx, rng, failpoint.LoadBeforeCommit, "stop")
	err = errors.Join(err, syscall.Kill(first.PID(), syscall.SIGCONT))
	if second == nil || err != nil {
		return false, err
	}
	pause(ctx, 200*time.Millisecond)
	return true, syscall.Kill(second.PID(), syscall.SIGCONT)
}

// clockOff shifts the clock of a service for a second.
func clockOff(by func() time.Duration) strike {
	return func(ctx context.Context, c *cluster, rng *rand.Rand) (bool, error) {
		s := c.anyone(rng)
		if err := arm(s, "clock", by().String()); err != nil {
			return false, err
		}
		pause(ctx, time.Second)
		return true, disarm(s, "clock")
	}
}

const newestSegmentSQL = "SELECT coalesce(max(id), 0) FROM analytics.segments"

// twoLeaders halts a leader that is about to publish a load until another has taken
// the lease, and resumes it before the new one has done anything: the old leader must
// not publish.
func twoLeaders(ctx context.Context, c *cluster, rng *rand.Rand) (bool, error) {
	first, err := c.hit(ctx, rng, failpoint.LoadBeforeCommit, "stop")
	if first == nil || err != nil {
		return false, err
	}
	second, err := c.hitAlone(ctx, failpoint.WorkerAfterClaim, "stop")
	if second == nil || err != nil {
		return false, errors.Join(err, syscall.Kill(first.PID(), syscall.SIGCONT))
	}
	var before, after int64
	err = c.db.QueryRow(ctx, newestSegmentSQL).Scan(&before)
	err = errors.Join(err, syscall.Kill(first.PID(), syscall.SIGCONT))
	pause(ctx, 300*time.Millisecond)
	err = errors.Join(err, c.db.QueryRow(ctx, newestSegmentSQL).Scan(&after), syscall.Kill(second.PID(), syscall.SIGCONT))
	if err == nil && after > before {
		err = failed("epochs", "a leader that had been replaced published %d segments", after-before)
	}
	return true, err
}

// toMidnight lets a clock pass midnight, UTC, half a second from now.
func toMidnight() time.Duration {
	now := time.Now().UTC()
	return now.Truncate(24 * time.Hour).Add(24*time.Hour - 500*time.Millisecond).Sub(now)
}

// migrationCut kills or halts one of two concurrent migrations of an empty database:
// the other, and a third, must produce the same schema as an undisturbed one.
func migrationCut(ctx context.Context, c *cluster, rng *rand.Rand) (bool, error) {
	name := fmt.Sprintf("migrated_%d", rng.Uint32())
	if _, err := c.db.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return false, fmt.Errorf("making a database: %w", err)
	}
	program, err := c.variant.Binary("ingest")
	if err != nil {
		return false, err
	}
	env := []string{"DATABASE_URL=" + strings.Replace(c.server.URL(), "@/analytics?", "@/"+name+"?", 1)}
	var both []*stack.Process
	for range 2 {
		p, err := stack.Start(ctx, c.dir, "migrate", env, program, "migrate")
		if err != nil {
			return false, err
		}
		both = append(both, p)
	}
	pause(ctx, time.Duration(rng.IntN(400))*time.Millisecond)
	if rng.IntN(2) == 0 {
		_ = both[0].Kill() // it may have ended
	} else if !ended(both[0]) {
		_ = syscall.Kill(both[0].PID(), syscall.SIGSTOP)
		pause(ctx, pausedFor)
		_ = syscall.Kill(both[0].PID(), syscall.SIGCONT)
	}
	for _, p := range both {
		<-p.Ended()
	}
	if err := both[1].Err(); err != nil {
		return false, failed("migration", "the other migration: %w\n%s", err, last(both[1].Log()))
	}
	if out, err := stack.Command(ctx, env, program, "migrate"); err != nil {
		return false, failed("migration", "migrating again: %w\n%s", err, out)
	}
	if err := c.sameSchema(ctx, name); err != nil {
		return false, err
	}
	_, err = c.db.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
	return true, err
}

// schemaSQL leaves out partitions, which depend on the day.
const schemaSQL = `
SELECT string_agg(format('%s.%s %s %s %s', c.table_name, c.column_name, c.data_type, c.is_nullable, c.column_default), E'\n' ORDER BY c.table_name, c.column_name)
    || (SELECT string_agg(indexdef, E'\n' ORDER BY indexdef) FROM pg_indexes WHERE schemaname = 'analytics' AND tablename !~ '^outbox_[0-9]')
    || (SELECT string_agg(version_id::text, ' ' ORDER BY id) FROM public.analytics_migrations)
FROM information_schema.columns AS c WHERE c.table_schema = 'analytics' AND c.table_name !~ '^outbox_[0-9]'`

func (c *cluster) sameSchema(ctx context.Context, database string) error {
	config := c.db.Config().ConnConfig.Copy()
	config.Database = database
	other, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer other.Close(ctx)
	var want, got string
	if err := c.db.QueryRow(ctx, schemaSQL).Scan(&want); err != nil {
		return fmt.Errorf("reading the schema: %w", err)
	}
	if err := other.QueryRow(ctx, schemaSQL).Scan(&got); err != nil {
		return failed("migration", "reading the schema: %w", err)
	}
	if got != want {
		return failed("migration", "the schema is\n%s\nand should be\n%s", got, want)
	}
	return nil
}
