// Command clickhouse runs another command while it serves ClickHouse over HTTP, for tests:
//
//	clickhouse go test ./services/stats/engine/clickhouse
//
// The engine is the real one, as a shared library (chdb), which the driver loads from
// CHDB_LIB_PATH. It speaks the protocol as far as clickhouse-go does: queries that read,
// with typed parameters, settings and external tables. The command finds the address in
// TEST_CLICKHOUSE, as http://127.0.0.1:PORT. It is a module of its own, so that nothing
// else links the library.
//
// What differs from a server: there are no users, readonly is no more than a look at the
// first word, queries run one after the other and cannot be cancelled, and file() reads
// any path.
package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: clickhouse COMMAND…")
		os.Exit(2)
	}
	err := run(os.Args[1:])
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		os.Exit(max(exit.ExitCode(), 1)) // -1 for one that a signal ended
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "clickhouse:", err)
		os.Exit(1)
	}
}

// run runs a command while ClickHouse is served.
func run(command []string) (err error) {
	folder, err := os.MkdirTemp("", "clickhouse-")
	if err != nil {
		return fmt.Errorf("making a folder for ClickHouse: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	e, err := newEngine(folder)
	if err != nil {
		return err
	}
	defer e.close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	server := &http.Server{Handler: e, ReadHeaderTimeout: 10 * time.Second}
	defer server.Close()
	go server.Serve(listener) //nolint:errcheck // it ends with Close
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "TEST_CLICKHOUSE=http://"+listener.Addr().String())
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running %s: %w", command[0], err)
	}
	return nil
}
