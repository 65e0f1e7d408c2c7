// Package stack builds the service's binaries and runs them as an operator
// would: as the one standalone process, or as three services behind nginx with
// Postgres and redis-server. Tests and measurements use them over HTTP.
package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"eventanalytics/pkg/client"
	"eventanalytics/pkg/platform/freeport"
	"eventanalytics/pkg/platform/lockfile"
	"eventanalytics/pkg/platform/postgres/private"
)

// Stack is a running service.
type Stack struct {
	// URL is the gateway's, without a slash at the end.
	URL string
	// DatabaseURL is the services' database.
	DatabaseURL string
	// RedisURL is the services' Redis, database 0; empty for the standalone.
	RedisURL string
	// Addresses of the services behind the gateway, host:port by name.
	Addresses map[string]string
	// Main is the standalone's process; nil for the services.
	Main *Process
	// Postgres is the services' server; nil for the standalone.
	Postgres *private.Server
	// Redis is the services' redis-server; nil for the standalone.
	Redis *Process
	// Store is the services' object store; nil for a shared folder.
	Store *ObjectStore

	data      string            // folder of Postgres and the warehouse
	dir       string            // of the services' logs
	ports     map[string]int    // of services, by name
	settings  map[string]string // of Postgres
	env       []string          // of each service
	processes []*Process
	stops     []func() error // what to stop, in the order of its start
}

// Wait returns nil when ctx ends, or an error when a process ends before.
func (s *Stack) Wait(ctx context.Context) error {
	ended := make(chan *Process, len(s.processes))
	for _, p := range s.processes {
		go func() {
			select {
			case <-p.done:
				ended <- p
			case <-ctx.Done():
			}
		}()
	}
	select {
	case <-ctx.Done():
		return nil
	case p := <-ended:
		if ctx.Err() != nil { // both: it was told to stop
			return nil
		}
		return fmt.Errorf("%s ended: %w\n%s", p.Name, p.Err(), p.Log())
	}
}

// Stop ends everything the stack started, in reverse order.
func (s *Stack) Stop() error {
	var errs []error
	for len(s.stops) > 0 {
		last := len(s.stops) - 1
		errs = append(errs, s.stops[last]())
		s.stops = s.stops[:last]
	}
	return errors.Join(errs...)
}

func (s *Stack) onStop(stop func() error) { s.stops = append(s.stops, stop) }

// startTimeout bounds the start of a whole stack, on a busy machine.
const startTimeout = 90 * time.Second

// awaitReady returns when the gateway at url reports that everything is ready.
func awaitReady(ctx context.Context, url string, processes ...*Process) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	c, err := client.New(client.Config{URL: url})
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		last := c.Ready(ctx)
		if last == nil {
			return nil
		}
		for _, p := range processes {
			select {
			case <-p.done:
				return fmt.Errorf("%s ended early: %w\n%s", p.Name, p.Err(), p.Log())
			default:
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w (last: %w)%s", url, ctx.Err(), last, logs(processes))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func logs(processes []*Process) string {
	var out strings.Builder
	for _, p := range processes {
		fmt.Fprintf(&out, "\n--- %s\n%s", p.Name, p.Log())
	}
	return out.String()
}

// Root returns the repository's folder, found from the working directory.
func Root() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("finding the repository: no go.work above the working directory")
		}
		dir = parent
	}
	return "", fmt.Errorf("finding the repository: %w", err)
}

// Build builds the named binaries into the repository's bin folder, as make build
// does. Binaries that are up to date are left alone. BUILT says that all are: make test
// builds them once, since finding that out takes a second for each, in each suite.
func Build(ctx context.Context, names ...string) error {
	if v := used(); v != (Variant{}) || os.Getenv("BUILT") == "" {
		return v.Build(ctx, names...)
	}
	for _, name := range names {
		if path, err := binary(name); err != nil || !exists(path) {
			return errors.Join(fmt.Errorf("looking for %s: there is no %s although BUILT is set", name, path), err)
		}
	}
	return nil
}

// used is the variant that is built and started: the shipped one unless the
// environment overrides it.
func used() Variant {
	return Variant{Name: os.Getenv("BUILD_NAME"), Overlay: os.Getenv("BUILD_OVERLAY")}
}

// Variant is a way to build the binaries that differs from the shipped one.
type Variant struct {
	Name    string // of their folder, below the repository's bin
	Tags    string // of go build, comma-separated
	Overlay string // file for go build -overlay
}

// buildTimeout bounds the wait for other processes' builds.
const buildTimeout = 10 * time.Minute

// Build builds the named binaries, in one process at a time: it would replace
// binaries that another one has just built and is about to start. The next one
// finds them up to date and leaves them alone.
func (v Variant) Build(ctx context.Context, names ...string) (err error) {
	root, err := Root()
	if err != nil {
		return err
	}
	dir := filepath.Join(root, "bin", v.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making a folder for binaries: %w", err)
	}
	var lock *lockfile.Lock
	err = Poll(ctx, buildTimeout, func() (err error) {
		lock, err = lockfile.Take(filepath.Join(dir, ".lock"))
		return err
	})
	if err != nil {
		return fmt.Errorf("waiting to build: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	for _, name := range names {
		cmd := exec.CommandContext(ctx, "go", "build", "-tags="+v.Tags, "-overlay="+v.Overlay, "-o", dir+"/", "./cmd/"+name)
		cmd.Dir = filepath.Join(root, "services", name)
		if tool := filepath.Join(root, "cmd", name); exists(tool) { // a command, in a module of its own
			cmd.Args[len(cmd.Args)-1], cmd.Dir = ".", tool
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w\n%s", name, err, out)
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Binary returns the path of a binary made by Build.
func (v Variant) Binary(name string) (string, error) {
	root, err := Root()
	return filepath.Join(root, "bin", v.Name, name), err
}

func binary(name string) (string, error) { return used().Binary(name) }

// FreePort returns a port that stays reserved until this process ends, so that a
// server can be restarted on it.
func FreePort() (int, error) { return freeport.Take() }

// Poll calls ask until it returns nil, and returns its last error after patience or
// when ctx ends.
func Poll(ctx context.Context, patience time.Duration, ask func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}
