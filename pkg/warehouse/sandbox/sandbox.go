// Package sandbox runs SQL that people write, each statement in a process of its own: a
// child that runs this program again, has none of its environment, and ends with the
// statement. What it takes of memory and time is given back by the kernel, whatever DuckDB
// does, and what it must not read is closed three times over: package statement lets
// through what is known to be harmless, DuckDB opens no file but those of the project, and
// the kernel (Landlock, where it has that) opens no other either. ADR 42 says why.
package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// Bounds of a statement and its answer.
const (
	// MaxSQL is how many bytes a statement may have.
	MaxSQL = 16 << 10
	// MaxColumns is how many columns its answer may have.
	MaxColumns = 200
	// maxHeader is how many bytes the names and types of its columns may have together: a
	// type in a type in a type doubles with each.
	maxHeader = 64 << 10
	// MaxCell is how many bytes a value of its answer may have.
	MaxCell = 1 << 20
	// maxRow is how long a line of the process may be.
	maxRow = 8 << 20
)

var (
	// ErrBusy is returned when the project's last statement still runs, or those of others
	// take too long to make room.
	ErrBusy = errors.New("too many statements are running")
	// ErrTimeout is returned when a statement ran longer than Config.Timeout.
	ErrTimeout = errors.New("the statement took too long")
)

// Config of the statements of people.
type Config struct {
	Memory  int64         `env:"SQL_MEMORY_BYTES" envDefault:"402653184" doc:"Maximum memory of the process that runs a statement of POST /api/sql, at least 67108864. By default an eighth of what the service may take, and at most 1 GiB"`
	Timeout time.Duration `env:"SQL_TIMEOUT" envDefault:"30s" doc:"Maximum time a statement of POST /api/sql may wait for its turn, and then run"`
	Places  int           `env:"SQL_MAX_STATEMENTS" envDefault:"1" doc:"Maximum statements of POST /api/sql at a time, each of another project and with SQL_MEMORY_BYTES for itself; others wait"`
}

// minMemory is what DuckDB needs to be of use.
const minMemory = 64 << 20

// Validate reports everything that is wrong with the settings.
func (c *Config) Validate() error {
	var errs []error
	if c.Memory < minMemory {
		errs = append(errs, fmt.Errorf("SQL_MEMORY_BYTES must be at least %d", minMemory))
	}
	if c.Timeout < time.Second {
		errs = append(errs, errors.New("SQL_TIMEOUT must be at least 1s"))
	}
	if c.Places < 1 {
		errs = append(errs, errors.New("SQL_MAX_STATEMENTS must be at least 1"))
	}
	return errors.Join(errs...)
}

// Statement is one that somebody wrote, and the events that it may read.
type Statement struct {
	Project int64
	SQL     string            // at most MaxSQL bytes
	Params  []json.RawMessage // strings, numbers, booleans and nulls
	Zone    string            // IANA name
	// From and To bound the events, unless they are zero.
	From, To time.Time
	Files    []string // absolute paths of the files of the project's events
	// Moved says that some keys have a root: their names are asked for.
	Moved bool
	Rows  int // of the answer, at most
}

// Tables take what a statement reads beside events.
type Tables struct{ to *json.Encoder }

// Person says who the user with a key is.
func (t Tables) Person(key uint32, person string) error {
	return t.send(datum{Key: key, Person: &person})
}

// Member says that a person is in a cohort.
func (t Tables) Member(cohort, person string) error {
	return t.send(datum{Cohort: cohort, Member: person})
}

func (t Tables) send(d datum) error {
	if t.to.Encode(d) != nil { // it may have said why it ended
		return errEnded
	}
	return nil
}

// Answer takes the answer of a statement: its columns, and then each row, which is valid until
// it returns.
type Answer interface {
	Columns([]Column) error
	Row([]Value) error
}

// Runner runs statements.
type Runner struct {
	cfg     Config
	threads int
	turns   *turns
}

// New makes a Runner whose processes use so many threads each; 0 is one for each CPU.
func New(cfg Config, threads int) *Runner {
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return &Runner{cfg, threads, newTurns(cfg.Places)}
}

// Running returns how many statements run.
func (r *Runner) Running() int { return r.turns.running() }

// Run runs a statement once it is the project's turn. tables is called when the statement
// was let through, with what it needs. The error is a *StatementError for what is wrong with the
// statement, ErrBusy, ErrTimeout, or that of ctx, tables or answer.
func (r *Runner) Run(ctx context.Context, s Statement, tables func(context.Context, Needs, Tables) error, answer Answer) error {
	if err := r.turns.enter(ctx, s.Project, r.cfg.Timeout); err != nil {
		return err
	}
	defer r.turns.leave(s.Project)
	limited, cancel := context.WithTimeoutCause(ctx, r.cfg.Timeout, ErrTimeout)
	defer cancel()
	err := r.run(limited, s, tables, answer)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(context.Cause(limited), ErrTimeout):
		return ErrTimeout
	}
	return err
}

// childName is what the child has for a name, by which Enter knows it.
const childName = "eventanalytics-sql"

// self is this program, also after its file was replaced.
const self = "/proc/self/exe"

func (r *Runner) run(ctx context.Context, s Statement, tables func(context.Context, Needs, Tables) error, answer Answer) (err error) {
	ctx, kill := context.WithCancel(ctx)
	defer kill()
	child := exec.CommandContext(ctx, self)
	child.Args = []string{childName}
	child.Env = []string{} // none of our secrets
	child.Dir = "/"
	child.WaitDelay = time.Second
	to, err := child.StdinPipe()
	if err != nil {
		return fmt.Errorf("running a statement: %w", err)
	}
	from, err := child.StdoutPipe()
	if err != nil {
		return fmt.Errorf("running a statement: %w", err)
	}
	said := &tail{}
	child.Stderr = said
	if err := child.Start(); err != nil {
		return fmt.Errorf("running a statement: %w", err)
	}
	defer func() { // also when answer panics
		kill() // there is nothing that it might still do
		if waited := child.Wait(); errors.Is(err, errEnded) {
			err = &StatementError{Engine, fmt.Sprintf("%v: %s", waited, said.text), -1}
		}
	}()
	c := conversation{bufio.NewReaderSize(from, 64<<10), to, json.NewEncoder(to)}
	return c.hold(ctx, r.job(s), tables, answer)
}

func (r *Runner) job(s Statement) job {
	return job{
		SQL: s.SQL, Params: s.Params, Zone: s.Zone, Project: s.Project, From: micros(s.From), To: micros(s.To), Files: s.Files, Moved: s.Moved,
		Limits: limits{
			Memory: r.cfg.Memory, CPU: int64(r.cfg.Timeout.Seconds()+1)*int64(r.threads) + 1, Threads: r.threads,
			Rows: s.Rows, Cell: MaxCell,
		},
	}
}

// errEnded is returned when the process ended before its answer did.
var errEnded = errors.New("the process ended")

// conversation is what is said to a process, and what it says.
type conversation struct {
	from  *bufio.Reader
	to    io.Writer
	lines *json.Encoder
}

func (c *conversation) hold(ctx context.Context, j job, tables func(context.Context, Needs, Tables) error, answer Answer) error {
	if err := c.lines.Encode(j); err != nil {
		return errEnded
	}
	first, err := c.reply()
	switch {
	case err != nil:
		return err
	case first.Failed != nil:
		return first.Failed
	case first.Needs == nil:
		return errEnded
	}
	if err := c.tell(ctx, *first.Needs, tables); err != nil && !errors.Is(err, errEnded) {
		return err
	}
	second, err := c.reply()
	switch {
	case err != nil:
		return err
	case second.Failed != nil:
		return second.Failed
	}
	if err := checkColumns(second.Columns); err != nil { // it did; it may be somebody else's by now
		return err
	}
	if err := answer.Columns(second.Columns); err != nil {
		return err
	}
	return c.rows(second.Columns, j.Limits.Rows, answer)
}

// tell sends the tables.
func (c *conversation) tell(ctx context.Context, needs Needs, tables func(context.Context, Needs, Tables) error) error {
	buffered := bufio.NewWriterSize(c.to, 64<<10)
	lines := json.NewEncoder(buffered)
	if err := tables(ctx, needs, Tables{lines}); err != nil {
		return err
	}
	if err := errors.Join(lines.Encode(datum{End: true}), buffered.Flush()); err != nil {
		return errEnded
	}
	return nil
}

// rows reads rows, at most so many, until the answer is whole.
func (c *conversation) rows(columns []Column, most int, answer Answer) error {
	row := make([]Value, len(columns))
	for n := 0; ; n++ {
		line, err := c.line()
		if err != nil {
			return err
		}
		if line[0] != '[' {
			last, err := parseReply(line)
			switch {
			case err != nil:
				return err
			case last.Failed != nil:
				return last.Failed
			case !last.Done:
				return errEnded
			}
			return nil
		}
		if n == most {
			return tooManyRows(n)
		}
		if err := parseRow(line, columns, row); err != nil {
			return err
		}
		if err := answer.Row(row); err != nil {
			return err
		}
	}
}

func parseRow(line []byte, columns []Column, row []Value) error {
	var cells []json.RawMessage
	if err := json.Unmarshal(line, &cells); err != nil || len(cells) != len(columns) {
		return errEnded
	}
	for i, cell := range cells {
		row[i] = nil
		if bytes.Equal(cell, []byte("null")) {
			continue
		}
		var err error
		switch columns[i].Kind {
		case Integer:
			row[i], err = parse[int64](cell)
		case Number:
			row[i], err = parse[float64](cell)
		case Bool:
			row[i], err = parse[bool](cell)
		default:
			row[i], err = parse[string](cell)
		}
		if err != nil {
			return errEnded
		}
	}
	return nil
}

func parse[T any](text []byte) (v T, err error) {
	err = json.Unmarshal(text, &v)
	return v, err
}

func (c *conversation) reply() (reply, error) {
	line, err := c.line()
	if err != nil {
		return reply{}, err
	}
	return parseReply(line)
}

func parseReply(line []byte) (r reply, err error) {
	if json.Unmarshal(line, &r) != nil {
		return r, errEnded
	}
	return r, nil
}

// line returns the next line that the process says.
func (c *conversation) line() ([]byte, error) {
	var whole []byte
	for {
		part, err := c.from.ReadSlice('\n')
		switch {
		case err == nil && whole == nil:
			return part, nil
		case len(whole)+len(part) > maxRow:
			return nil, &StatementError{Cell, fmt.Sprintf("a row of the answer has more than %d MiB", maxRow>>20), -1}
		case err == nil:
			return append(whole, part...), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, errEnded
		}
		whole = append(whole, part...)
	}
}

// tail keeps the first that a process says to its standard error: of a panic, its reason.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p[:min(len(p), 2048-len(t.text))]...)
	return len(p), nil
}

// Enter runs a statement and ends the process, if it is one that a Runner started. Programs
// that have a Runner call it first.
func Enter() {
	if len(os.Args) == 1 && os.Args[0] == childName {
		os.Exit(serve(os.Stdin, os.Stdout))
	}
}
