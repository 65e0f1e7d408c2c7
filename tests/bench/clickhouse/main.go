// Command clickhouse runs ClickHouse in process, for bench-stats: it reads statements
// from standard input and writes their results to standard output, one JSON text a
// line. It is a module of its own, so that nothing else links the driver, which loads
// the engine from the shared library that CHDB_LIB_PATH names as soon as it is
// imported.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/chdb-io/chdb-go/chdb"
)

// result of a statement. Rows are lists of values, in the order of the columns;
// Took does not include the time on the pipe.
type result struct {
	Rows  []json.RawMessage `json:"rows"`
	Took  time.Duration     `json:"took"` // ns
	Error string            `json:"error,omitempty"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: clickhouse FOLDER")
		os.Exit(2)
	}
	if err := serve(os.Args[1], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "clickhouse:", err)
		os.Exit(1)
	}
}

// serve answers statements on the tables of a folder until the input ends.
func serve(folder string, in io.Reader, out io.Writer) error {
	session, err := chdb.NewSession(folder)
	if err != nil {
		return fmt.Errorf("opening %s: %w", folder, err)
	}
	defer session.Close()
	statements, results := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var statement string
		if err := statements.Decode(&statement); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading a statement: %w", err)
		}
		if err := results.Encode(run(session, statement)); err != nil {
			return fmt.Errorf("writing a result: %w", err)
		}
	}
}

func run(session *chdb.Session, statement string) result {
	began := time.Now()
	answer, err := session.Query(statement, "JSONCompactEachRow")
	r := result{Took: time.Since(began)}
	if err != nil {
		r.Error = err.Error()
		return r
	}
	defer answer.Free()
	if err := answer.Error(); err != nil {
		r.Error = err.Error()
		return r
	}
	for line := range bytes.Lines(answer.Buf()) {
		r.Rows = append(r.Rows, bytes.Clone(bytes.TrimSpace(line))) // the buffer is freed
	}
	return r
}
