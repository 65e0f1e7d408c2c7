package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// bombs take all the memory or the time that there is.
var bombs = []string{
	"SELECT count(*) FROM range(1000000000000) AS a, range(1000000000000) AS b WHERE a.range % 7 = b.range % 11",
	"SELECT sum(range) FROM range(1000000000000)",
	"SELECT len(range(1000000000000)) AS x",
	"SELECT len(generate_series(1, 100000000000)) AS x",
	"SELECT len(repeat('x', 1000000000000)) AS x",
	"SELECT len(repeat(repeat('x', 1000000), 3000)) AS x",
	"SELECT sum(len(repeat('x', 100000000))) FROM range(2000)",
	"SELECT len(lpad('x', 2000000000, 'y')) AS x",
	"SELECT len(string_agg(repeat('x', 1000000), '')) FROM range(100000)",
	"SELECT len(list(range)) FROM range(10000000000)",
	"SELECT len(list(repeat('x', 1000))) FROM range(100000000)",
	"SELECT count(DISTINCT a.range * 1000000 + b.range) FROM range(1000000) AS a, range(1000000) AS b",
	"SELECT max(n) FROM (SELECT row_number() OVER (ORDER BY hash(a.range, b.range)) AS n FROM range(1000000) AS a, range(1000) AS b)",
	"SELECT * FROM range(10000000000) ORDER BY hash(range)",
	"SELECT regexp_matches(repeat('a', 10000000), '(a*)*(a*)*(a*)*b') FROM range(1000000)",
	"SELECT sum(len(regexp_replace(repeat('a', 1000000), 'a', repeat('b', 1000), 'g'))) FROM range(1000)",
	"SELECT list_reduce(range(1000000), lambda a, b: a || b) FROM (SELECT 1)",
	"SELECT len(list_reduce(list_transform(range(64), lambda x: 'x'), lambda a, b: a || a || b)) AS x",
	"SELECT histogram(range) FROM range(10000000000)",
	"SELECT json_group_array(range) FROM range(10000000000)",
	"SELECT bitstring('1', 2000000000)",
	"SELECT factorial(30000) FROM range(100000000)",
	"SELECT levenshtein(repeat('a', 1000000), repeat('b', 1000000))",
	"SELECT printf('%1000000000d', 1)",
	"SELECT format('{:>1000000000}', 'x')",
	"WITH a AS (SELECT repeat('x', 1000) AS s), b AS (SELECT s || s || s || s || s || s || s || s AS s FROM a), c AS (SELECT s || s || s || s || s || s || s || s AS s FROM b), " +
		"d AS (SELECT s || s || s || s || s || s || s || s AS s FROM c), e AS (SELECT s || s || s || s || s || s || s || s AS s FROM d), f AS (SELECT s || s || s || s || s || s || s || s AS s FROM e) SELECT len(s || s || s || s || s || s) FROM f",
	"SELECT * FROM events AS a, events AS b, events AS c, events AS d, events AS e, events AS f ORDER BY hash(a.event_id, f.event_id)",
	"SELECT quantile_cont(a.range, 0.5) FROM range(100000000) AS a, range(100) AS b",
	"SELECT unnest(range(1000000000))",
	"SELECT " + strings.Repeat("unnest(range(100000000)) AS a, ", 20) + "1 AS b",
}

// TestBombs: statements that take more than they may are ended in time, and take no more
// than their memory.
func TestBombs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const memory = 256 << 20
	r := New(Config{Memory: memory, Timeout: 1500 * time.Millisecond, Places: 2}, 2)
	for _, bomb := range bombs {
		most, stop := peak(t)
		began := time.Now()
		c, err := w.ask(t, r, bomb)
		took := time.Since(began)
		stop()
		var failed *StatementError
		t.Logf("%v, %d MiB: %.80s: %v %.200v", took.Round(time.Millisecond), most()>>20, bomb, len(c.rows), err)
		if errors.As(err, &failed) {
			require.NotEqual(t, Refused, failed.Reason, bomb)
		}
		require.Less(t, took, time.Minute, bomb)
		require.Less(t, most(), int64(memory+300<<20), bomb) // what any process of ours takes, and threads
		require.Zero(t, r.Running())
	}
}

// peak watches the memory of the children of this process.
func peak(t *testing.T) (most func() int64, stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done, highest := make(chan struct{}), int64(0)
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			highest = max(highest, childMemory())
			select {
			case <-ctx.Done():
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return func() int64 { return highest }, func() { cancel(); <-done }
}

// childMemory returns the resident memory of the largest process of a statement.
func childMemory() (most int64) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range all {
		name, _ := os.ReadFile(path)
		if strings.TrimRight(string(name), "\x00") != childName {
			continue
		}
		status, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "status"))
		for line := range strings.Lines(string(status)) {
			var kib int64
			if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
				most = max(most, kib<<10)
			}
		}
	}
	return most
}

// TestCancelled: whoever hangs up frees the turn at once, whatever runs, and the process is
// gone.
func TestCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := New(Config{Memory: 256 << 20, Timeout: time.Hour, Places: 1}, 2)
	for _, bomb := range bombs[:2] {
		ctx, hangUp := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- r.Run(ctx, Statement{Project: 1, SQL: bomb, Zone: "UTC", Rows: 10, Files: []string{w.own}}, nothing, &collected{})
		}()
		require.Eventually(t, func() bool { return r.Running() == 1 }, time.Minute, time.Millisecond)
		_, err := w.ask(t, r, "SELECT 1 AS x")
		require.ErrorIs(t, err, ErrBusy, "one at a time")
		hangUp()
		require.ErrorIs(t, <-ended, context.Canceled)
		require.Zero(t, r.Running())
	}
	_, err := w.ask(t, r, "SELECT 1 AS x")
	require.NoError(t, err)
}

// TestTimeout: a statement runs no longer than it may.
func TestTimeout(t *testing.T) {
	t.Parallel()
	r := New(Config{Memory: 256 << 20, Timeout: time.Second, Places: 1}, 2)
	_, err := newWorld(t).ask(t, r, bombs[1])
	require.ErrorIs(t, err, ErrTimeout)
}

// TestTurns: projects wait for each other, each in its turn.
func TestTurns(t *testing.T) {
	t.Parallel()
	turns := newTurns(1)
	require.NoError(t, turns.enter(t.Context(), 1, time.Minute))
	require.ErrorIs(t, turns.enter(t.Context(), 1, time.Minute), ErrBusy, "at once")
	require.ErrorIs(t, turns.enter(t.Context(), 2, time.Millisecond), ErrBusy)
	gone, leave := context.WithCancel(t.Context())
	leave()
	require.ErrorIs(t, turns.enter(gone, 2, time.Minute), context.Canceled)
	waits := make(chan error)
	go func() { waits <- turns.enter(t.Context(), 2, time.Minute) }()
	require.Eventually(t, func() bool { turns.mu.Lock(); defer turns.mu.Unlock(); return turns.busy[2] }, time.Minute, time.Millisecond)
	turns.leave(1)
	require.NoError(t, <-waits)
	require.Equal(t, 1, turns.running())
	turns.leave(2)
	require.Zero(t, turns.running())
}
