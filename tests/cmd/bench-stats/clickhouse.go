package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"eventanalytics/tests/bench/measure"
)

// clickHouse is a process that runs the engine on the tables of a folder
// (tests/bench/clickhouse).
type clickHouse struct {
	folder  string
	cmd     *exec.Cmd
	ask     *json.Encoder
	answers *json.Decoder
	close   func() error // of its standard input, which ends it
}

// clickHouseResult is a line of the process.
type clickHouseResult struct {
	Rows  [][]any
	Took  time.Duration
	Error string
}

// uncachedClickHouse turns off what would answer a repeated question from the last
// answer.
const uncachedClickHouse = "SET use_query_condition_cache = 0, use_query_cache = 0"

// openClickHouse starts the process on the tables of a folder, and makes the folder.
func (b *bench) openClickHouse(folder string) (*clickHouse, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("starting ClickHouse: %w", err)
	}
	program, err := filepath.Abs(b.ClickHouse)
	if err != nil {
		return nil, fmt.Errorf("starting ClickHouse: %w", err)
	}
	c := &clickHouse{folder: folder, cmd: exec.Command(program, folder)}
	c.cmd.Dir, c.cmd.Stderr = folder, os.Stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // as the services have
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("starting ClickHouse: %w", err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting ClickHouse: %w", err)
	}
	c.ask, c.answers, c.close = json.NewEncoder(in), json.NewDecoder(out), in.Close
	c.answers.UseNumber()
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting ClickHouse: %w", err)
	}
	if _, err := c.run(uncachedClickHouse); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// run executes a statement, which cannot be cancelled.
func (c *clickHouse) run(statement string) (r clickHouseResult, err error) {
	if err := c.ask.Encode(statement); err != nil {
		return r, fmt.Errorf("asking ClickHouse: %w", err)
	}
	if err := c.answers.Decode(&r); err != nil {
		return r, fmt.Errorf("reading what ClickHouse answers: %w", err)
	}
	if r.Error != "" {
		return r, fmt.Errorf("asking ClickHouse: %s: %s", r.Error, statement)
	}
	return r, nil
}

func (c *clickHouse) stop() error {
	if err := errors.Join(c.close(), c.cmd.Wait()); err != nil {
		return fmt.Errorf("stopping ClickHouse: %w", err)
	}
	return nil
}

// clickHouseFolder is renamed when the table changes, so that an older one is not used.
const clickHouseFolder = "clickhouse"

// The table is ordered as ClickHouse's users order events: by day, type and user. All
// properties are a JSON column, whose paths are columns; those that are asked for most
// are columns beside it. The user keys are the service's.
const clickHouseTable = `
CREATE TABLE ` + table + ` (
    occurred_at DateTime64(6, 'UTC'),
    event_type LowCardinality(String),
    user_key UInt32,
    user_id String,
    properties JSON,
    country LowCardinality(String),
    item_id String,
    price Nullable(Decimal(18, 2))
) ENGINE = MergeTree ORDER BY (toDate(occurred_at), event_type, user_key)`

const clickHouseInsert = `
INSERT INTO ` + table + `
SELECT occurred_at, event_type, user_key, user_id, properties,
       JSONExtractString(properties, 'country'), JSONExtractString(properties, 'item_id'), toDecimal64OrNull(JSONExtractRaw(properties, 'price'), 2)
FROM file('%s', Parquet)`

// makeClickHouse copies the events from the segments into a MergeTree, once, and
// merges it into as few parts as ClickHouse makes.
func (b *bench) makeClickHouse(ctx context.Context) (err error) {
	folder, unfinished := b.data.path(clickHouseFolder), b.data.path("run", clickHouseFolder)
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	progress("copying the events into a MergeTree")
	began := time.Now()
	c, err := b.openClickHouse(unfinished)
	if err != nil {
		return err
	}
	stopped := false
	defer func() {
		if !stopped {
			err = errors.Join(err, c.stop())
		}
	}()
	if _, err := c.run(clickHouseTable); err != nil {
		return err
	}
	for _, file := range b.live {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if _, err := c.run(fmt.Sprintf(clickHouseInsert, b.data.path("run", "warehouse", file))); err != nil {
			return err
		}
	}
	if _, err := c.run("OPTIMIZE TABLE " + table + " FINAL"); err != nil {
		return err
	}
	r, err := c.run("SELECT count(), (SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table = '" + table + "') FROM " + table)
	if err != nil {
		return err
	}
	if got := fmt.Sprint(r.Rows[0][0]); got != fmt.Sprint(b.Events) {
		return fmt.Errorf("copying the events into a MergeTree: there are %s", got)
	}
	bytes, err := r.Rows[0][1].(json.Number).Float64()
	if err != nil {
		return fmt.Errorf("copying the events into a MergeTree: %w", err)
	}
	spent, err := measure.PreciseCPU(c.cmd.Process.Pid)
	if err != nil {
		return err
	}
	stopped = true
	if err := c.stop(); err != nil {
		return err
	}
	if err := os.Rename(unfinished, folder); err != nil {
		return fmt.Errorf("keeping the MergeTree: %w", err)
	}
	fmt.Printf("\nThe MergeTree: %.1f bytes an event, made in %.0f s with %.1f CPU s per million events\n",
		bytes/float64(b.Events), time.Since(began).Seconds(), measure.Per(spent, b.Events, 1e6).Seconds())
	return nil
}
