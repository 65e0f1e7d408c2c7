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
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	Enter()
	if len(os.Args) == 1 && inner[os.Args[0]] != nil {
		runtime.LockOSThread()
		inner[os.Args[0]]()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// inner are what tests have a process of its own do.
var inner = map[string]func(){"without-the-first-wall": withoutFirstWall, "closed-files": closedFiles}

// said is what a process says of one thing that it tried.
type said struct{ Tried, Answer, Err string }

// try has a process do things, and returns what it says of each.
func try(t *testing.T, name string, files []string, things []string) (all []said) {
	t.Helper()
	child := exec.CommandContext(t.Context(), self)
	child.Args, child.Env, child.Stderr = []string{name}, []string{}, os.Stderr
	to, err := child.StdinPipe()
	require.NoError(t, err)
	from, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	go func() {
		lines := json.NewEncoder(to)
		_ = errors.Join(lines.Encode(files), lines.Encode(things), to.Close())
	}()
	lines := json.NewDecoder(bufio.NewReader(from))
	for {
		var s said
		err := lines.Decode(&s)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		all = append(all, s)
	}
	require.NoError(t, child.Wait())
	return all
}

// read returns what a test has for its process.
func read() (files, things []string) {
	lines := json.NewDecoder(os.Stdin)
	if err := errors.Join(lines.Decode(&files), lines.Decode(&things)); err != nil {
		panic(err)
	}
	return files, things
}

func tell(s said) {
	if err := json.NewEncoder(os.Stdout).Encode(s); err != nil {
		panic(err)
	}
}

// withoutFirstWall runs statements in the DuckDB of a statement, as if the first wall had let
// all of them through, and the kernel had no third one.
func withoutFirstWall() {
	files, statements := read()
	ctx := context.Background()
	db, err := open(ctx, limits{Memory: 256 << 20, Threads: 1}, files, func([]string) error { return nil })
	if err != nil {
		panic(err)
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		panic(err)
	}
	q := query{ctx: ctx, conn: conn, job: &job{Zone: "UTC", Project: 1, Files: files}}
	none := json.NewDecoder(bytesOf(datum{End: true}))
	if err := q.load(none); err != nil {
		panic(err)
	}
	for _, s := range statements {
		tell(answerOf(ctx, conn, s))
	}
}

// answerOf runs a statement.
func answerOf(ctx context.Context, conn *sql.Conn, statement string) said {
	rows, err := conn.QueryContext(ctx, statement)
	if err != nil {
		return said{statement, "", err.Error()}
	}
	defer rows.Close()
	columns, _ := rows.Columns()
	answer := fmt.Sprint(columns)
	cells, places := make([]any, len(columns)), make([]any, len(columns))
	for i := range cells {
		places[i] = &cells[i]
	}
	for n := 0; rows.Next() && n < 1000; n++ {
		_ = rows.Scan(places...)
		for _, c := range cells {
			if b, ok := c.([]byte); ok {
				c = string(b)
			}
			answer += fmt.Sprint(" ", c)
		}
	}
	return said{statement, answer, fmt.Sprint(rows.Err())}
}
