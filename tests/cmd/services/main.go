// Command services runs the services as processes of their own, behind nginx,
// with Postgres and redis-server: what the compose file runs, without Docker. It
// prints their addresses, runs until it is told to stop, and keeps its data. One that
// ends is started again; all end when it does, even if it is killed.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"eventanalytics/tests/harness/stack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "services:", err)
		os.Exit(1)
	}
}

// services that have ports of their own after the gateway's, in their order.
var services = []string{"account", "ingest", "stats", "syncworker"}

func run(ctx context.Context) (err error) {
	port, err := gatewayPort()
	if err != nil {
		return err
	}
	ports := map[string]int{}
	for i, name := range services {
		ports[name] = port + 1 + i
	}
	// Before anything is built or started, which takes minutes the first time.
	for p := port; p <= port+len(services); p++ {
		if err := checkPort(ctx, p); err != nil {
			return err
		}
	}
	dir, err := folder()
	if err != nil {
		return err
	}
	secret, err := keep(filepath.Join(dir, "secret"))
	if err != nil {
		return err
	}
	if err := stack.Build(ctx, services...); err != nil {
		return err
	}
	logs, err := runFolder(dir, time.Now())
	if err != nil {
		return err
	}
	// Settings reach the services through the environment, as usual.
	s, err := stack.ServicesAt(ctx, stack.Plan{Listen: address(port), Ports: ports, Data: dir, Run: logs}, append(os.Environ(), "AUTH_SECRET="+secret)...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	fmt.Printf("The services run behind nginx on %s; data are in %s, logs of this run in %s.\n", s.URL, dir, logs)
	for _, name := range services {
		fmt.Printf("  %-10s http://%s/metrics\n", name, address(ports[name]))
	}
	fmt.Printf("  %-10s %s\nCtrl-C stops them.\n", "postgres", s.DatabaseURL)
	return s.Supervise(ctx, func(text string) { fmt.Fprintf(os.Stderr, "services: %s (logs: %s)\n", text, logs) })
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func gatewayPort() (int, error) {
	text := cmp.Or(os.Getenv("PORT"), "5066")
	port, err := strconv.Atoi(text)
	if highest := 65535 - len(services); err != nil || port < 1 || port > highest {
		return 0, fmt.Errorf("PORT is %q: it must be a whole number from 1 to %d, such as PORT=5066", text, highest)
	}
	return port, nil
}

func checkPort(ctx context.Context, port int) error {
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp", address(port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port %d is taken: stop what uses it or set PORT to another; the %d ports after it are the services'", port, len(services))
	}
	if err != nil {
		return fmt.Errorf("trying port %d: %w", port, err)
	}
	return ln.Close()
}

// keptRuns is of how many runs the logs are kept.
const keptRuns = 10

// runFolder makes the folder of a run's logs, and removes those of old runs.
func runFolder(dir string, now time.Time) (string, error) {
	all := filepath.Join(dir, "logs")
	run := filepath.Join(all, now.Format("2006-01-02T15.04.05.000"))
	if err := os.MkdirAll(run, 0o755); err != nil {
		return "", fmt.Errorf("making a folder for logs: %w", err)
	}
	runs, err := os.ReadDir(all) // sorted, so by time
	if err != nil {
		return "", fmt.Errorf("looking for old logs: %w", err)
	}
	for i := range max(0, len(runs)-keptRuns) {
		if err := os.RemoveAll(filepath.Join(all, runs[i].Name())); err != nil {
			return "", fmt.Errorf("removing old logs: %w", err)
		}
	}
	return run, nil
}

func folder() (string, error) {
	dir := os.Getenv("DATA_DIR")
	if dir == "" {
		root, err := stack.Root()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(root, "data", "services")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("finding DATA_DIR: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("making DATA_DIR: %w", err)
	}
	return dir, nil
}

// keep returns the secret in a file, and creates both the first time.
func keep(path string) (string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		text = []byte(rand.Text() + rand.Text())
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("keeping the secret: %w", err)
	}
	return string(text), nil
}
