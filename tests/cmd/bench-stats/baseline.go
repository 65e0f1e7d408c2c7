package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"eventanalytics/pkg/warehouse/native"
	"eventanalytics/tests/bench/measure"
)

// baseline is how long DuckDB takes for a question. Rows are the answer of the best
// SQL.
type baseline struct {
	Original, Corrected, Best timing
	Rows                      []string
}

// timing of one statement.
type timing struct {
	Median     time.Duration
	Unfinished bool // within the cap, which is Median then
	NoMemory   bool // there was not enough, even with the disk; Median is how long it took
	Runs       int  // 0: there is no such statement
}

func (t timing) String() string {
	switch {
	case t.Runs == 0:
		return "–"
	case t.NoMemory:
		return fmt.Sprintf("out of memory after %.0f s", t.Median.Seconds())
	case t.Unfinished:
		return fmt.Sprintf("did not finish in %.0f s", t.Median.Seconds())
	}
	return measure.Milliseconds(t.Median)
}

// over returns how many times longer it takes than d.
func (t timing) over(d time.Duration) string {
	switch {
	case t.Runs == 0 || t.NoMemory || d == 0:
		return "–"
	case t.Unfinished:
		return "> " + factor(t.Median, d)
	}
	return factor(t.Median, d)
}

func factor(long, short time.Duration) string {
	f := float64(long) / float64(short)
	if f < 10 {
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.0f", f)
}

// storedBaselines are those of an earlier run on the same events.
type storedBaselines struct {
	At        time.Time
	Commit    string
	Questions map[string]*baseline
}

// baselines queries DuckDB and stores the results for later runs.
func baselines(ctx context.Context, b *bench) (err error) {
	if err := b.makeNative(ctx); err != nil {
		return err
	}
	db, err := native.Open(ctx, b.nativeConfig(b.data.path(nativeFile)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }() // the services need its memory next
	measure.Heading(fmt.Sprintf("DuckDB on a table of its own, memory limit %s, median ms of %d", b.Memory, b.Rounds),
		"question", "the original's SQL", "put right (retention)", "best SQL", "original ÷ best", "rows")
	found := map[string]*baseline{}
	var failed []error
	for _, q := range b.questions {
		progress("DuckDB: %s", q.name)
		l, err := b.baseline(ctx, db, q)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", q.name, err))
			measure.Row(q.name, "FAILED", "", "", "", "")
			continue
		}
		found[q.name] = l
		measure.Row(q.name, l.Original.String(), l.Corrected.String(), l.Best.String(), l.Original.over(l.Best.Median), fmt.Sprint(len(l.Rows)))
	}
	b.compared = found
	if len(failed) > 0 {
		return errors.Join(failed...)
	}
	text, err := json.MarshalIndent(storedBaselines{time.Now().UTC(), commit(ctx), found}, "", "  ")
	if err == nil {
		err = os.WriteFile(b.data.path("baselines.json"), text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("keeping the answers of DuckDB: %w", err)
	}
	return nil
}

// needBaselines measures the baselines unless this or an earlier run has.
func (b *bench) needBaselines(ctx context.Context) error {
	if b.compared != nil {
		return nil
	}
	text, err := os.ReadFile(b.data.path("baselines.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return baselines(ctx, b)
	}
	var stored storedBaselines
	if err == nil {
		err = json.Unmarshal(text, &stored)
	}
	if err != nil {
		return fmt.Errorf("reading the answers of DuckDB: %w", err)
	}
	for _, q := range b.questions {
		if stored.Questions[q.name] == nil { // of an older version of this command
			return baselines(ctx, b)
		}
	}
	fmt.Printf("\nThe figures of DuckDB are of %s, commit %s.\n", stored.At.Format(time.DateTime), stored.Commit)
	b.compared = stored.Questions
	return nil
}

// baseline runs a question's statements and checks that they agree.
func (b *bench) baseline(ctx context.Context, db *sql.DB, q *question) (l *baseline, err error) {
	l = &baseline{}
	if l.Best, l.Rows, err = b.time(ctx, db, q.best.duckdb); err != nil {
		return nil, err
	}
	if l.Best.Unfinished || l.Best.NoMemory {
		return nil, fmt.Errorf("the best SQL: %s", l.Best)
	}
	if len(l.Rows) == 0 {
		return nil, errors.New("the answer is empty")
	}
	for _, other := range []struct {
		name, text string
		timing     *timing
		differs    bool
	}{{"the original", q.original, &l.Original, q.differs}, {"the original put right", q.corrected, &l.Corrected, false}} {
		if other.text == "" {
			continue
		}
		var rows []string
		if *other.timing, rows, err = b.time(ctx, db, other.text); err != nil {
			return nil, err
		}
		if !other.differs && !other.timing.Unfinished && !other.timing.NoMemory {
			if err := equal(l.Rows, rows); err != nil {
				return nil, fmt.Errorf("%s: %w", other.name, err)
			}
		}
	}
	return l, nil
}

// slow statements run only twice, and the first run is not counted.
const slow = 10 * time.Second

// time runs a statement once to warm up, then for the median.
func (b *bench) time(ctx context.Context, db *sql.DB, text string) (t timing, rows []string, err error) {
	var took []time.Duration
	for round := range b.Rounds + 1 {
		began := time.Now()
		limited, cancel := context.WithTimeout(ctx, b.Cap)
		rows, err = lines(limited, db, text)
		cancelled := limited.Err() != nil
		cancel()
		if cancelled && ctx.Err() == nil {
			return timing{Median: b.Cap, Unfinished: true, Runs: 1}, nil, nil
		}
		if errors.Is(err, native.ErrMemory) {
			return timing{Median: time.Since(began), NoMemory: true, Runs: 1}, nil, nil
		}
		if err != nil {
			return t, nil, err
		}
		if round > 0 {
			took = append(took, time.Since(began))
		}
		if round > 0 && time.Since(began) > slow {
			break
		}
	}
	return timing{Median: measure.Median(took), Runs: len(took)}, rows, nil
}

// lines returns the rows of a result as text, sorted.
func lines(ctx context.Context, db *sql.DB, text string) ([]string, error) {
	rows, err := db.QueryContext(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("asking DuckDB: %w: %s", native.Classify(err), text)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, fmt.Errorf("asking DuckDB: %w", err)
	}
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	var all []string
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("reading what DuckDB answers: %w", err)
		}
		parts := make([]string, len(values))
		for i, v := range values {
			parts[i] = cell(v)
		}
		all = append(all, strings.Join(parts, "|"))
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading what DuckDB answers: %w", native.Classify(err))
	}
	slices.Sort(all)
	return all, nil
}

// cell is a value as text, the same for all engines. Fractions have 12 digits: the last
// ones of a mean or a quantile depend on the order of the operations.
func cell(value any) string {
	switch v := value.(type) {
	case time.Time:
		return v.Format(time.DateOnly)
	case json.Number:
		if f, err := v.Float64(); err == nil && strings.ContainsAny(v.String(), ".eE") {
			return cell(f)
		}
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return strconv.FormatInt(int64(v), 10)
		}
		return strconv.FormatFloat(v, 'g', 12, 64)
	}
	return fmt.Sprint(value)
}

// equal returns an error that says where two answers first differ.
func equal(want, got []string) error {
	for i := range max(len(want), len(got)) {
		w, g := "nothing", "nothing"
		if i < len(want) {
			w = want[i]
		}
		if i < len(got) {
			g = got[i]
		}
		if w != g {
			return fmt.Errorf("the answers differ in row %d: DuckDB's best SQL has %s, this one %s", i, w, g)
		}
	}
	return nil
}

// spillLimit leaves room on the disk for Postgres.
const spillLimit = "20GB"

func (b *bench) nativeConfig(path string) native.Config {
	return native.Config{Path: path, MemoryLimit: b.Memory, Spill: b.data.path("run", "spill"), SpillLimit: spillLimit}
}

// nativeFile is renamed when the table changes, so that an older one is not used.
const nativeFile = "native-2.duckdb"

// makeNative copies the events from the segments into a DuckDB file, once. The file
// keeps the order of the segments, which is by day: the best for queries by day.
func (b *bench) makeNative(ctx context.Context) (err error) {
	path, unfinished := b.data.path(nativeFile), b.data.path("run", nativeFile)
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	progress("copying the events into a DuckDB file")
	began := time.Now()
	db, err := native.Open(ctx, b.nativeConfig(unfinished))
	if err != nil {
		return err
	}
	files := make([]string, len(b.live))
	for i, file := range b.live {
		files[i] = "'" + strings.ReplaceAll(b.data.path("run", "warehouse", file), "'", "''") + "'"
	}
	for _, text := range []string{
		"CREATE VIEW segments AS SELECT occurred_at, user_id, event_type, properties FROM read_parquet([" + strings.Join(files, ", ") + "], union_by_name = true)",
		"CREATE TABLE users AS SELECT user_id, (row_number() OVER () - 1)::INTEGER AS user_key FROM (SELECT DISTINCT user_id FROM segments)",
		"CREATE TABLE types AS SELECT event_type, (row_number() OVER () - 1)::UTINYINT AS type_key FROM (SELECT DISTINCT event_type FROM segments)",
		"CREATE TABLE " + table + ` AS
			SELECT s.occurred_at::TIMESTAMPTZ AS occurred_at, s.user_id, s.event_type, s.properties::VARCHAR AS properties, u.user_key, t.type_key,
			       json_extract_string(s.properties, '$.country') AS country, json_extract_string(s.properties, '$.item_id') AS item_id,
			       json_extract_string(s.properties, '$.price')::DECIMAL(18, 2) AS price
			FROM segments AS s JOIN users AS u USING (user_id) JOIN types AS t USING (event_type)`,
		"DROP VIEW segments",
		"CHECKPOINT",
	} {
		if _, err := db.ExecContext(ctx, text); err != nil {
			return errors.Join(fmt.Errorf("copying the events into DuckDB: %w", err), db.Close())
		}
	}
	var n int64
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&n); err != nil || n != b.Events {
		return errors.Join(fmt.Errorf("copying the events into DuckDB: there are %d: %w", n, err), db.Close())
	}
	if err := db.Close(); err != nil {
		return fmt.Errorf("copying the events into DuckDB: %w", err)
	}
	if err := os.Rename(unfinished, path); err != nil {
		return fmt.Errorf("keeping the DuckDB file: %w", err)
	}
	if info, err := os.Stat(path); err == nil {
		fmt.Printf("\nThe DuckDB file: %.1f bytes an event, made in %.0f s\n", float64(info.Size())/float64(b.Events), time.Since(began).Seconds())
	}
	return nil
}
