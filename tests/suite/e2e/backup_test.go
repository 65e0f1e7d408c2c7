package e2e

import (
	"context"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/oracle"
	"eventanalytics/pkg/platform/postgres/private"
	"eventanalytics/tests/harness/api"
	"eventanalytics/tests/harness/stack"
)

// All events of this test lie between these days.
const backupFrom, backupTo = "2025-08-01", "2025-08-31"

// TestBackupAndRestore does what docs/backup.md says, with a client that posts
// all the while. What was acknowledged before the dump is there once; what came
// later can be sent again and also counts once.
func TestBackupAndRestore(t *testing.T) {
	dir := newDir(t)
	secret := "AUTH_SECRET=" + rand.Text() + rand.Text()
	env := append([]string{secret, "WORKER_COMPACT_SEGMENTS=4"}, settings...)
	original := startServices(t, filepath.Join(dir, "original"), env)
	c := newUser(t, original.URL)
	p := startPoster(c)
	defer p.stop()
	p.await(t, 20)
	api.Rows[oracle.DayUsers](t, c, p.posted()[0].position, "/api/stats/dau", "from", backupFrom, "to", backupTo)

	source := place{filepath.Join(dir, "original"), original.DatabaseURL, secret}
	copied := place{dir: filepath.Join(dir, "restored"), secret: secret}
	dump := filepath.Join(dir, "analytics.dump")
	require.Contains(t, source.run(t, "syncworker", "warehouse", "hold", "--for", "1h", "--reason", "a test"), "held until")
	before := len(p.posted())
	source.dump(t, dump)
	dumped := len(p.posted())
	source.copyWarehouse(t, copied)
	require.Contains(t, source.run(t, "syncworker", "warehouse", "release"), "continues")
	require.Contains(t, source.fail(t, "syncworker", "warehouse", "release"), "not held")
	require.Greater(t, len(p.posted()), before, "the client went on posting")
	p.await(t, dumped+10)
	batches := p.stop()
	require.NoError(t, p.err)
	require.Less(t, len(batches), 1000, "more types than one answer has")

	t.Run("wrong order", func(t *testing.T) { wrongOrder(t, c, source, dir) })
	require.NoError(t, original.Stop())

	restored := restore(t, copied, dump, env)
	copied.databaseURL = restored.DatabaseURL
	c = c.At(restored.URL)
	old := batches[0].position
	expired := c.Get(t, "/api/stats/dau", "from", backupFrom, "to", backupTo, "min_position", old).Is(t, 422, "").Problem(t)
	require.Equal(t, "position-expired", expired.Fields[0].Code)

	fresh := newBatch("fresh")
	position := c.Upload(t, fresh.body).Position
	survived := countSurvivors(t, c, position, batches, before)
	require.Less(t, len(survived), len(batches)-5, "the last ones came after the dump")
	events := slices.Clone(fresh.events)
	for _, b := range batches {
		if survived[b.kind] {
			events = append(events, b.events...)
		}
	}
	agreeOnBackup(t, c, position, events)

	// The client sends everything again, as it may at any time.
	events = slices.Clone(fresh.events)
	for _, b := range batches {
		r := c.Upload(t, b.body)
		if survived[b.kind] {
			require.Equal(t, len(b.events), r.Duplicates, b.kind)
		} else {
			require.Equal(t, len(b.events), r.Accepted, b.kind)
		}
		require.Empty(t, r.Errors)
		events, position = append(events, b.events...), r.Position
	}
	agreeOnBackup(t, c, position, events)
	require.Contains(t, copied.run(t, "syncworker", "warehouse", "verify"), ": all whole")
}

// restore brings a dump and a copied warehouse folder up, and looks on the way
// that nothing starts too early.
func restore(t *testing.T, p place, dump string, env []string) *stack.Stack {
	t.Helper()
	p, stop := p.startPostgres(t)
	for _, name := range []string{"account", "ingest", "stats", "syncworker"} {
		require.Contains(t, p.fail(t, name), "ingest migrate")
	}
	p.restoreDump(t, dump)
	for _, name := range []string{"account", "ingest", "stats", "syncworker"} {
		require.Contains(t, p.fail(t, name), "syncworker restore")
	}
	require.Contains(t, p.run(t, "syncworker", "warehouse", "verify"), ": all whole")
	p.run(t, "syncworker", "restore")
	require.Contains(t, p.fail(t, "syncworker", "restore"), "nothing to restore")
	stop()
	return startServices(t, p.dir, env)
}

// wrongOrder copies the files before the dump: the dump then names newer ones.
func wrongOrder(t *testing.T, c *caller, source place, dir string) {
	mixed := place{dir: filepath.Join(dir, "mixed"), secret: source.secret}
	source.copyWarehouse(t, mixed)
	for range 5 {
		r := c.Upload(t, newBatch("late").body)
		api.Rows[oracle.DayUsers](t, c, r.Position, "/api/stats/dau", "from", backupFrom, "to", backupTo)
	}
	dump := filepath.Join(dir, "late.dump")
	source.dump(t, dump)
	mixed, stop := mixed.startPostgres(t)
	defer stop()
	mixed.restoreDump(t, dump)

	for _, how := range [][]string{{"warehouse", "verify"}, {"warehouse", "verify", "--quick"}} {
		out := mixed.fail(t, "syncworker", how...)
		missing := regexp.MustCompile(`(?m)^missing: (\S+\.parquet) of project \d+$`).FindAllStringSubmatch(out, -1)
		require.NotEmpty(t, missing, out)
		refused := mixed.fail(t, "syncworker", "restore")
		for _, m := range missing {
			require.NoFileExists(t, filepath.Join(mixed.warehouse(), m[1]))
			require.FileExists(t, filepath.Join(source.warehouse(), m[1]))
			require.Contains(t, refused, m[1])
		}
		require.NotRegexp(t, `(?m)^damaged: `, out)
	}
	// As long as the original has the files, copying again puts it right.
	source.copyWarehouse(t, mixed)
	require.Contains(t, mixed.run(t, "syncworker", "warehouse", "verify"), ": all whole")
	mixed.run(t, "syncworker", "restore")
}

func startServices(t *testing.T, dir string, env []string) *stack.Stack {
	t.Helper()
	s, err := stack.Services(t.Context(), dir, env...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	return s
}

// countSurvivors returns the kinds of batches that a restored service has. It
// must have the first acknowledged ones, and of each batch all or nothing.
func countSurvivors(t *testing.T, c *caller, position string, batches []batch, acknowledged int) map[string]bool {
	t.Helper()
	counts := map[string]int{}
	for _, row := range api.Rows[oracle.TypeCount](t, c, position, "/api/stats/top-events", "from", backupFrom, "to", backupTo, "limit", "1000") {
		counts[row.Type] = row.Count
	}
	survived := map[string]bool{}
	for i, b := range batches {
		if i >= acknowledged && counts[b.kind] == 0 {
			continue
		}
		require.Equal(t, len(b.events), counts[b.kind], "%s of %d that were acknowledged before the dump", b.kind, acknowledged)
		survived[b.kind] = true
	}
	return survived
}

// agreeOnBackup compares a project, which holds exactly events, with the oracle.
func agreeOnBackup(t *testing.T, c *caller, position string, events []oracle.Event) {
	t.Helper()
	require.Equal(t, oracle.TopEvents(events, backupFrom, backupTo, time.UTC, 1000),
		api.Rows[oracle.TypeCount](t, c, position, "/api/stats/top-events", "from", backupFrom, "to", backupTo, "limit", "1000"))
	zone, err := time.LoadLocation("Asia/Kathmandu")
	require.NoError(t, err)
	require.Equal(t, oracle.DAU(events, backupFrom, backupTo, zone),
		api.Rows[oracle.DayUsers](t, c, position, "/api/stats/dau", "from", backupFrom, "to", backupTo, "timezone", zone.String()))
}

// place is where an installation has its database and files.
type place struct{ dir, databaseURL, secret string }

func (p place) warehouse() string { return filepath.Join(p.dir, "warehouse") }

func (p place) env() []string {
	return []string{
		"DATABASE_URL=" + p.databaseURL, "WAREHOUSE_DIR=" + p.warehouse(), p.secret,
		"REDIS_URL=redis://127.0.0.1:1", "ADDR=127.0.0.1:0",
	}
}

// commandTimeout bounds commands that must end on their own.
const commandTimeout = time.Minute

// run runs a program that must succeed.
func (p place) run(t *testing.T, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandTimeout)
	defer cancel()
	out, err := stack.Command(ctx, p.env(), program, args...)
	require.NoError(t, err, out)
	return out
}

// fail runs a program that must end with exit status 1.
func (p place) fail(t *testing.T, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandTimeout)
	defer cancel()
	out, err := stack.Command(ctx, p.env(), program, args...)
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, "%s %s: %s", program, strings.Join(args, " "), out)
	require.Equal(t, 1, exit.ExitCode(), out)
	return out
}

func (p place) dump(t *testing.T, file string) {
	t.Helper()
	p.run(t, postgresProgram(t, "pg_dump"), "--format=custom", "--file="+file, p.databaseURL)
}

// restoreDump fills the database, and waits until the lease that the dump holds
// has run out: until then a restored database looks like one in use.
func (p place) restoreDump(t *testing.T, file string) {
	t.Helper()
	p.run(t, postgresProgram(t, "pg_restore"), "--exit-on-error", "--no-owner", "--dbname="+p.databaseURL, file)
	require.Eventually(t, func() bool {
		free := p.run(t, postgresProgram(t, "psql"), "--no-align", "--tuples-only", "--command",
			"SELECT lease_until < clock_timestamp() FROM analytics.sync_state", p.databaseURL)
		return strings.TrimSpace(free) == "t"
	}, time.Minute, 100*time.Millisecond)
}

// copyWarehouse copies the segments; files in the making lie in another folder.
func (p place) copyWarehouse(t *testing.T, to place) {
	t.Helper()
	require.NoError(t, os.MkdirAll(to.warehouse(), 0o755))
	p.run(t, "/bin/sh", "-c", `cp -a "$1"/[0-9]* "$2"/`, "copy", p.warehouse(), to.warehouse())
}

// startPostgres runs a fresh server in the place's folder.
func (p place) startPostgres(t *testing.T) (_ place, stop func()) {
	t.Helper()
	server, err := private.Start(t.Context(), private.Config{Dir: filepath.Join(p.dir, "postgres")})
	require.NoError(t, err)
	stop = func() { require.NoError(t, server.Stop()) }
	t.Cleanup(stop)
	p.databaseURL = server.URL()
	return p, stop
}

func postgresProgram(t *testing.T, name string) string {
	t.Helper()
	path, err := private.Program(name)
	require.NoError(t, err)
	return path
}
