package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"eventanalytics/pkg/platform/postgres/private"
)

// Standalone starts the standalone with its data in dir, on a free port, and
// waits until it is ready. env adds settings.
func Standalone(ctx context.Context, dir string, env ...string) (*Stack, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	p, err := StandaloneProcess(ctx, dir, port, env...)
	if err != nil {
		return nil, err
	}
	s := &Stack{URL: "http://127.0.0.1:" + strconv.Itoa(port), Main: p}
	s.onStop(p.Stop)
	if err := awaitReady(ctx, s.URL, p); err != nil {
		_ = s.Stop() // the first error is more telling
		return nil, err
	}
	if s.DatabaseURL, err = private.RunningURL(filepath.Join(dir, "postgres")); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// StandaloneProcess starts the standalone and does not wait for it.
func StandaloneProcess(ctx context.Context, dir string, port int, env ...string) (*Process, error) {
	program, err := binary("standalone")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("starting the standalone: %w", err)
	}
	env = append([]string{"PORT=" + strconv.Itoa(port), "DATA_DIR=" + dir}, env...)
	return Start(ctx, dir, "standalone", env, program)
}
