package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/stack"
)

// badInput is a case of docs/bad-input.md.
type badInput struct {
	row    int
	name   string
	ask    func(t *testing.T, c *caller) // asks and looks at the answer
	stored int                           // events that are accepted; usually none
}

// badInputs are all cases; slowBadInputs take up to half a minute of waiting.
func badInputs() []badInput {
	var all []badInput
	for _, r := range refusals {
		all = append(all, badInput{row: r.row, name: r.name, ask: r.ask})
	}
	for _, r := range malformed {
		all = append(all, badInput{row: r.row, name: r.name, ask: r.ask})
	}
	for _, r := range registrations {
		all = append(all, badInput{row: r.row, name: r.name, ask: r.ask})
	}
	for _, f := range forgeries {
		all = append(all, badInput{row: 40, name: f.name, ask: f.ask})
	}
	for _, q := range badQueries {
		all = append(all, badInput{row: q.row, name: q.name(), ask: q.ask})
	}
	for _, b := range bombs {
		all = append(all, badInput{row: 55, name: b.name, ask: b.ask})
	}
	all = append(all, badInput{row: 55, name: "cohorts", ask: cohortBombs}, badInput{row: 55, name: "as much as may be asked", ask: askLargest})
	return slices.Concat(all, oddEvents, oddCredentials, oddLogins, oddQueries)
}

// TestBadInput sends everything that must be refused or survived, and looks into
// Postgres after each.
func TestBadInput(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := newUser(t, s.URL)
		held := openStore(t, s)
		for _, b := range badInputs() {
			t.Run(fmt.Sprintf("%d %s", b.row, b.name), func(t *testing.T) {
				b.ask(t, c)
				held.gained(t, b.stored)
			})
		}
		if s.Main != nil { // the rest is about nginx, or the same in both
			return
		}
		t.Run("slow", func(t *testing.T) {
			for _, b := range slowBadInputs {
				t.Run(fmt.Sprintf("%d %s", b.row, b.name), func(t *testing.T) {
					t.Parallel()
					b.ask(t, c)
				})
			}
		})
		held.gained(t, 0)
	})
}

// TestEveryRowOfBadInput finds a case for each row of the document, and a row for
// each case.
func TestEveryRowOfBadInput(t *testing.T) {
	root, err := stack.Root()
	require.NoError(t, err)
	document, err := os.ReadFile(filepath.Join(root, "docs", "bad-input.md"))
	require.NoError(t, err)
	var rows []int
	for _, found := range regexp.MustCompile(`(?m)^\| (\d+) \|`).FindAllSubmatch(document, -1) {
		row, err := strconv.Atoi(string(found[1]))
		require.NoError(t, err)
		rows = append(rows, row)
	}
	require.Len(t, rows, 56)
	var tested []int
	for _, b := range slices.Concat(badInputs(), slowBadInputs) {
		tested = append(tested, b.row)
	}
	slices.Sort(tested)
	require.Equal(t, rows, slices.Compact(tested))
}

// store counts the events a service holds: in the ledger, in the outbox and in
// the warehouse, by its manifest. Each event is in each of them, once.
type store struct {
	conn   *pgx.Conn
	events int
}

const countEvents = `
SELECT (SELECT count(*) FROM analytics.event_ids),
       (SELECT coalesce(sum(events), 0)::bigint FROM analytics.outbox),
       (SELECT coalesce(sum(events), 0)::bigint FROM analytics.segments WHERE replaced_at IS NULL)`

// openStore waits until the warehouse holds what was accepted so far.
func openStore(t *testing.T, s *stack.Stack) *store {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.DatabaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(t.Context())) })
	x := &store{conn: conn}
	x.events, _, _ = x.count(t)
	x.gained(t, 0)
	return x
}

func (x *store) count(t *testing.T) (ledger, outbox, warehouse int) {
	t.Helper()
	require.NoError(t, x.conn.QueryRow(t.Context(), countEvents).Scan(&ledger, &outbox, &warehouse))
	return ledger, outbox, warehouse
}

// gained requires n more events than at the last call.
func (x *store) gained(t *testing.T, n int) {
	t.Helper()
	want := x.events + n
	ledger, outbox, _ := x.count(t)
	x.events = ledger // what went wrong is told once
	require.Equal(t, want, ledger, "events in the ledger")
	require.Equal(t, want, outbox, "events in the outbox")
	require.Eventually(t, func() bool {
		_, _, warehouse := x.count(t)
		return warehouse == want
	}, 30*time.Second, 10*time.Millisecond, "the warehouse has not %d events", want)
}
