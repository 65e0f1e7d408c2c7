package sandbox

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"eventanalytics/pkg/warehouse/statement"
)

// serve answers one job and returns the status of the process.
func serve(in io.Reader, out io.Writer) int {
	// DuckDB's threads are started by this one, and have its limits.
	runtime.LockOSThread()
	c := child{in: bufio.NewReaderSize(in, 64<<10), out: bufio.NewWriterSize(out, 64<<10)}
	c.lines = json.NewEncoder(c.out)
	c.lines.SetEscapeHTML(false) // a row of HTML would take six times its bytes
	err := c.answer(context.Background())
	var failed *StatementError
	if err != nil && !errors.As(err, &failed) {
		failed = &StatementError{Engine, err.Error(), -1}
	}
	last := reply{Failed: failed, Done: failed == nil}
	if errors.Join(c.say(last), c.out.Flush()) != nil {
		return 1
	}
	return 0
}

// child is the process of a statement.
type child struct {
	in    *bufio.Reader
	out   *bufio.Writer
	lines *json.Encoder // to out
}

func (c *child) say(line any) error {
	return c.lines.Encode(line) //nolint:wrapcheck // nobody is there to be told
}

func (c *child) answer(ctx context.Context) error {
	lines := json.NewDecoder(c.in)
	var j job
	if err := lines.Decode(&j); err != nil {
		return fmt.Errorf("reading the job: %w", err)
	}
	if err := confine(j.Limits); err != nil {
		return err
	}
	db, err := open(ctx, j.Limits, j.Files, closeFiles)
	if err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	args, err := values(j.Params)
	if err != nil {
		return err
	}
	q := query{ctx: ctx, conn: conn, job: &j, args: args}
	needs, err := q.check()
	if err != nil {
		return err
	}
	if err := errors.Join(c.say(reply{Needs: &needs}), c.out.Flush()); err != nil {
		return err
	}
	if err := q.load(lines); err != nil {
		return err
	}
	go func() { // whoever asked has gone
		_, _ = io.Copy(io.Discard, c.in)
		os.Exit(1)
	}()
	columns, err := q.columns()
	if err != nil {
		return err
	}
	if err := c.say(reply{Columns: columns}); err != nil {
		return err
	}
	return q.rows(columns, func(row []any) error { return c.say(row) })
}

// query is the statement of a job.
type query struct {
	ctx  context.Context //nolint:containedctx // of the process, which lives as long
	conn *sql.Conn
	job  *job
	args []any
	text string // without what ends a statement
	tree *statement.Statement
	// before is how many bytes of ours come before the statement in what runs.
	before int
}
