// Command clickhouse serves ClickHouse over HTTP, for tests and benchmarks: while another
// command runs, or until it is told to end:
//
//	clickhouse -small go test ./services/stats/engine/clickhouse
//	clickhouse -listen 127.0.0.1:8123
//
// The engine is the real one, as a shared library (chdb), which the driver loads from
// CHDB_LIB_PATH. It speaks the protocol as far as clickhouse-go does: queries that read,
// with typed parameters, settings and external tables. The other command finds the address
// in TEST_CLICKHOUSE, as http://127.0.0.1:PORT. It is a module of its own, so that nothing
// else links the library.
//
// What differs from a server: there are no users, readonly is no more than a look at the
// first word, queries run one after the other and cannot be cancelled, and file() reads
// any path.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	small := flag.Bool("small", false, "settings for queries of few rows")
	listen := flag.String("listen", "", "address to serve at until a signal, without a command")
	flag.Parse()
	if (flag.NArg() == 0) == (*listen == "") {
		fmt.Fprintln(os.Stderr, "usage: clickhouse [-small] COMMAND… | clickhouse [-small] -listen HOST:PORT")
		os.Exit(2)
	}
	err := run(*small, *listen, flag.Args())
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		os.Exit(max(exit.ExitCode(), 1)) // -1 for one that a signal ended
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "clickhouse:", err)
		os.Exit(1)
	}
}

// run serves ClickHouse while a command runs or, without one, until a signal.
func run(small bool, address string, command []string) (err error) {
	folder, err := os.MkdirTemp("", "clickhouse-")
	if err != nil {
		return fmt.Errorf("making a folder for ClickHouse: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	e, err := newEngine(folder, small)
	if err != nil {
		return err
	}
	defer e.close()
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	server := &http.Server{Handler: e, ReadHeaderTimeout: 10 * time.Second}
	defer server.Close()
	go server.Serve(listener) //nolint:errcheck // it ends with Close
	if len(command) == 0 {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		<-ctx.Done()
		return nil
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "TEST_CLICKHOUSE=http://"+listener.Addr().String())
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running %s: %w", command[0], err)
	}
	return nil
}
