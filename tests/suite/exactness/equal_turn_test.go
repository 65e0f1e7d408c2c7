package exactness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/stack"
)

// query asks the test's own database for one value.
func query[T any](t *testing.T, e *equal, sql string, args ...any) T {
	t.Helper()
	rows, err := e.db.Query(t.Context(), sql, args...)
	require.NoError(t, err)
	value, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	require.NoError(t, err)
	return value
}

// kill ends a process at once.
func kill(t *testing.T, p *stack.Process) {
	t.Helper()
	require.NoError(t, p.Kill())
	require.Error(t, p.Wait(time.Minute), "it ended before it was killed")
}

// restart kills one of replicas and starts another in its place.
func (e *equal) restart(t *testing.T, replicas []replica, i int, name string) {
	t.Helper()
	kill(t, replicas[i].Process)
	replicas[i] = e.start(t, name)
}

func (e *equal) killReplica(t *testing.T) {
	e.restart(t, e.stats, e.rng.IntN(len(e.stats)), "stats")
	e.done["killed a stats replica"]++
}

func (e *equal) killIngest(t *testing.T) {
	e.restart(t, e.ingest, e.rng.IntN(len(e.ingest)), "ingest")
	e.done["killed an ingest replica"]++
}

// killWorker lets another worker take over amid loads and merges.
func (e *equal) killWorker(t *testing.T) {
	kill(t, e.worker)
	e.post(t, 2)
	e.startWorker(t)
	e.done["killed the worker"]++
}

const (
	versionSQL  = "SELECT version FROM analytics.sync_state"
	ageSQL      = "UPDATE analytics.segments SET replaced_at = replaced_at - interval '2 hours' WHERE replaced_at IS NOT NULL"
	replacedSQL = "SELECT coalesce(array_agg(path), '{}') FROM analytics.segments WHERE replaced_at IS NOT NULL"
	levelSQL    = "SELECT coalesce(max(level), 0) FROM analytics.segments"
	livePathSQL = `
SELECT path FROM analytics.segments WHERE project_id = $1 AND replaced_at IS NULL ORDER BY md5(path || $2::text) LIMIT 1`
)

// collectGarbage lets the files of all replaced segments go, as they do when they
// have been replaced for an hour.
func (e *equal) collectGarbage(t *testing.T) {
	e.ask(t, e.projects[0], e.question(e.projects[0])) // all uploads are loaded
	kill(t, e.worker)
	// A replica that has not heard of the newest version yet may need the files.
	version := query[int64](t, e, versionSQL)
	for _, r := range e.stats {
		require.NoError(t, stack.Poll(t.Context(), time.Minute, func() error { return r.has(t.Context(), version) }))
	}
	replaced := query[[]string](t, e, replacedSQL)
	_, err := e.db.Exec(t.Context(), ageSQL)
	require.NoError(t, err)
	e.startWorker(t)
	for _, path := range replaced {
		require.NoError(t, stack.Poll(t.Context(), time.Minute, func() error {
			for _, name := range []string{path, rollUpOf(path)} {
				if _, err := os.Stat(filepath.Join(e.dir, "warehouse", name)); !errors.Is(err, fs.ErrNotExist) {
					return fmt.Errorf("%s is still there: %w", name, err)
				}
			}
			return nil
		}))
	}
	e.done["collected garbage"]++
	e.deleted += len(replaced)
}

func rollUpOf(path string) string { return strings.TrimSuffix(path, ".parquet") + ".rollup" }

// damage flips a byte of a roll-up: questions are answered from events until it
// is made again, by the command or by a merge.
func (e *equal) damage(t *testing.T) {
	p := e.projects[e.rng.IntN(len(e.projects))]
	e.ask(t, p, e.question(p)) // there is a segment
	kill(t, e.worker)          // or it may be merging this one
	path := rollUpOf(query[string](t, e, livePathSQL, p.Project, strconv.Itoa(e.rng.IntN(1000))))
	file := filepath.Join(e.dir, "warehouse", path)
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	content[e.rng.IntN(len(content))] ^= 1 << e.rng.IntN(8)
	require.NoError(t, os.WriteFile(file, content, 0o600))
	for i := range e.stats {
		e.restart(t, e.stats, i, "stats")
	}
	e.without = p
	for range 5 {
		e.ask(t, p, e.question(p))
	}
	if e.done["damaged a roll-up"]%2 == 0 {
		require.Contains(t, e.command(t, "warehouse", "rebuild"), "restored: "+path)
		e.without = nil
		e.startWorker(t)
	} else { // a merge may be first
		e.without, e.healing = nil, p
		e.startWorker(t)
		e.post(t, 2)
		e.askAll(t, 5)
		e.command(t, "warehouse", "rebuild")
		e.healing = nil
	}
	for _, r := range e.stats {
		require.NoError(t, stack.Poll(t.Context(), time.Minute, func() error {
			a, err := p.rows(t.Context(), r, "event-types", map[string][]string{})
			if err == nil && a.Meta.Source != fromRollUp {
				err = errors.New("the roll-up is not used again")
			}
			return err
		}))
	}
	e.done["damaged a roll-up"]++
}

// merged returns nil when segments were merged that had been merged before.
func (e *equal) merged(t *testing.T) error {
	if level := query[int](t, e, levelSQL); level < 2 {
		return fmt.Errorf("the highest level of a segment is %d", level)
	}
	return nil
}

// command runs syncworker to its end.
func (e *equal) command(t *testing.T, args ...string) string {
	t.Helper()
	env := append(e.servers.Warehouse(), "DATABASE_URL="+e.servers.DatabaseURL)
	out, err := stack.Command(t.Context(), env, "syncworker", args...)
	require.NoError(t, err, out)
	return out
}
