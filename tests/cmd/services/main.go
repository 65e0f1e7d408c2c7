// Command services runs the services as processes of their own, behind nginx,
// with Postgres and redis-server: what the compose file runs, without Docker. It
// prints their addresses, runs until it is told to stop, and keeps its data.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

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

func run(ctx context.Context) (err error) {
	dir, err := folder()
	if err != nil {
		return err
	}
	secret, err := keep(filepath.Join(dir, "secret"))
	if err != nil {
		return err
	}
	port := os.Getenv("PORT")
	if port == "" {
		port = "5066"
	}
	if err := stack.Build(ctx, "account", "ingest", "syncworker", "stats"); err != nil {
		return err
	}
	// Settings reach the services through the environment, as usual.
	s, err := stack.ServicesAt(ctx, dir, net.JoinHostPort("127.0.0.1", port), append(os.Environ(), "AUTH_SECRET="+secret)...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	fmt.Printf("The services run behind nginx on %s; logs and data are in %s.\n", s.URL, dir)
	for name, address := range s.Addresses {
		fmt.Printf("  %-10s http://%s/metrics\n", name, address)
	}
	fmt.Printf("  %-10s %s\nCtrl-C stops them.\n", "postgres", s.DatabaseURL)
	return s.Wait(ctx)
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
