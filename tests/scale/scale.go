// Package scale says what becomes of the service at sizes that no test machine holds: it
// runs the product's own code on made manifests, loads and roll-ups, and computes the rest
// from units that were measured elsewhere. Each row of its table says which.
package scale

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/tests/bench/measure"
)

// Units that are computed with, and where they were measured.
const (
	eventsOfSegment  = 700_000 // on average, of live ones; docs/benchmarks.md: 140 for 100 million events
	eventsOfUser     = 100
	jsonBytes        = 265 // of an event, as it is sent; docs/benchmarks.md
	parquetBytes     = 45  // of an event; docs/benchmarks.md
	usersFileBytes   = 11  // of an event in events by user; docs/benchmarks.md
	rollUpFileBytes  = 4   // of an event; docs/benchmarks.md
	ledgerBytes      = 101 // of an event, with its index; docs/benchmarks.md
	userKeyBytes     = 185 // of a user, with its index; ADR 14
	manifestRowBytes = 510 // of a segment, with indexes
	walBytes         = 220 // of an event, sent with 99 others; docs/benchmarks.md
	workerMicros     = 20  // CPU of an event, loads and merges, before ADR 36; docs/benchmarks.md
	filesOfSegment   = 3   // events, roll-up, events by user
	daysOfSize       = 365 // that one is spread over
	replicas         = 2   // that read what is new
)

// Size is how much there is.
type Size struct {
	Events   int64
	Projects int
}

// segments is how many are live: finished ones, and small ones of each project.
func (s Size) segments(small int) int { return s.finished() + small*s.Projects }
func (s Size) finished() int          { return int(s.Events / eventsOfSegment) }
func (s Size) users() int64           { return s.Events / eventsOfUser }

// Config of a simulation.
type Config struct {
	Sizes  []Size
	Rounds int // how often each thing is done; the median counts
	Loads  int // that are planned
	RollUp int // events of the made roll-up
}

// Row is a line of the table: what, for each size, and how it is known.
type Row struct {
	What  string
	Cells []string
	How   string
}

// Simulate runs and computes everything, on an empty database that is migrated, and returns
// the table.
func Simulate(ctx context.Context, pool *pgxpool.Pool, cfg Config, progress func(format string, values ...any)) ([]Row, error) {
	progress("%d loads are planned", cfg.Loads)
	planned, err := plan(ctx, pool, cfg.Loads)
	if err != nil {
		return nil, fmt.Errorf("planning merges: %w", err)
	}
	rows := computed(cfg.Sizes, planned.small)
	var all []measured
	for _, size := range cfg.Sizes {
		progress("a manifest of %d segments", size.segments(planned.small))
		m, err := run(ctx, pool, size, planned.small, cfg.Rounds)
		if err != nil {
			return nil, fmt.Errorf("reading the manifest of %d events: %w", size.Events, err)
		}
		all = append(all, m)
	}
	progress("a roll-up of %d events", cfg.RollUp)
	bytes, err := rollUpBytes(cfg.RollUp)
	if err != nil {
		return nil, fmt.Errorf("making roll-ups: %w", err)
	}
	rows = append(rows, reads(cfg.Rounds, all)...)
	rows = append(rows, rollUps(cfg, bytes)...)
	return append(rows, planned.rows(cfg.Sizes)...), nil
}

// computed are the rows that need no run, but for the number of small segments of a project.
func computed(sizes []Size, small int) []Row {
	row := func(what, how string, value func(Size) string) Row {
		return Row{what, each(sizes, value), "computed: " + how}
	}
	return []Row{
		row("Users", fmt.Sprintf("one for %d events", eventsOfUser), func(s Size) string { return count(s.users()) }),
		row("JSON as sent", fmt.Sprintf("%d B an event", jsonBytes), func(s Size) string { return bytesText(s.Events * jsonBytes) }),
		row("Files of segments", fmt.Sprintf("%d B an event in Parquet, %d in roll-ups, %d in events by user", parquetBytes, rollUpFileBytes, usersFileBytes), func(s Size) string {
			return bytesText(s.Events * (parquetBytes + rollUpFileBytes + usersFileBytes))
		}),
		row("Ledger in Postgres", fmt.Sprintf("%d B an event", ledgerBytes), func(s Size) string { return bytesText(s.Events * ledgerBytes) }),
		row("User keys in Postgres", fmt.Sprintf("%d B a user", userKeyBytes), func(s Size) string { return bytesText(s.users() * userKeyBytes) }),
		row("Live segments", fmt.Sprintf("one for %s events, and %d small ones for each project (run: below)", count(eventsOfSegment), small), func(s Size) string { return count(int64(s.segments(small))) }),
		row("Manifest in Postgres", fmt.Sprintf("%d B a segment", manifestRowBytes), func(s Size) string { return bytesText(int64(s.segments(small)) * manifestRowBytes) }),
		row("WAL of Postgres a day", fmt.Sprintf("%d B an event, all of them in a year", walBytes), func(s Size) string { return bytesText(s.Events / daysOfSize * walBytes) }),
		row("CPU of the worker a day", fmt.Sprintf("%d µs an event, measured before ADR 36, all of them in a year", workerMicros), func(s Size) string {
			return (time.Duration(s.Events/daysOfSize) * workerMicros * time.Microsecond).Round(time.Second).String()
		}),
	}
}

func each(sizes []Size, value func(Size) string) []string {
	cells := make([]string, len(sizes))
	for i, s := range sizes {
		cells[i] = value(s)
	}
	return cells
}

// Table is the rows in Markdown.
func Table(sizes []Size, rows []Row) string {
	columns := []string{""}
	for _, s := range sizes {
		columns = append(columns, fmt.Sprintf("%s events, %d projects", count(s.Events), s.Projects))
	}
	var cells [][]string
	for _, r := range rows {
		cells = append(cells, append(append([]string{r.What}, r.Cells...), r.How))
	}
	return measure.Table(append(columns, "How it is known"), cells)
}

// count writes a number with a unit of thousands.
func count(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1e12, " T"}, {1e9, " B"}, {1e6, " M"}} {
		if n >= unit.size {
			return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/float64(unit.size)), ".0") + unit.name
		}
	}
	if n >= 1000 {
		return fmt.Sprintf("%d,%03d", n/1000, n%1000)
	}
	return fmt.Sprint(n)
}

// bytesText writes bytes with three digits or so.
func bytesText(n int64) string {
	value, unit := float64(n), 0
	for value >= 1000 && unit < 5 {
		value, unit = value/1000, unit+1
	}
	return fmt.Sprintf("%.3g %s", value, []string{"B", "kB", "MB", "GB", "TB", "PB"}[unit])
}
