package sdk

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"eventanalytics/tests/harness/stack"
)

// tools are what SDKs run in.
type tools struct {
	dir      string // tests/sdk
	golang   string // program with the SDKs for Go
	pages    string // address of the pages with the SDKs for browsers
	chromium string // where the browser listens

	stops []func() error
}

// startTools installs and starts what the SDKs need.
func startTools(ctx context.Context, all []*SDK) (_ *tools, err error) {
	root, err := stack.Root()
	if err != nil {
		return nil, err
	}
	t := &tools{dir: filepath.Join(root, "tests", "sdk"), golang: filepath.Join(root, "bin", "sdk-golang")}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.stop())
		}
	}()
	need := map[place]bool{}
	for _, s := range all {
		need[s.place] = true
	}
	for _, where := range []place{node, browser} {
		if need[where] {
			if err := t.install(ctx, where); err != nil {
				return nil, err
			}
		}
	}
	if need[browser] {
		if err := command(ctx, root, "deployments/install", "chromium"); err != nil {
			return nil, err
		}
		if err := t.startBrowser(ctx); err != nil {
			return nil, err
		}
	}
	if need[golang] {
		if err := command(ctx, filepath.Join(t.dir, string(golang)), "env", "GOWORK=off", "CGO_ENABLED=0", "go", "build", "-o", t.golang, "."); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// install installs the packages of a place as its lock file says, unless they are.
func (t *tools) install(ctx context.Context, where place) error {
	dir := filepath.Join(t.dir, string(where))
	lock, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return fmt.Errorf("installing SDKs: %w", err)
	}
	installed := filepath.Join(dir, "node_modules", ".installed.json") // a copy of the lock file
	if done, err := os.ReadFile(installed); err == nil && bytes.Equal(done, lock) {
		return nil
	}
	if err := command(ctx, dir, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"); err != nil {
		return err
	}
	if err := os.WriteFile(installed, lock, 0o600); err != nil {
		return fmt.Errorf("installing SDKs: %w", err)
	}
	return nil
}

// command runs a program to its end.
func command(ctx context.Context, dir, program string, args ...string) error {
	c := exec.CommandContext(ctx, program, args...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("running %s %s: %w\n%s", program, strings.Join(args, " "), err, out)
	}
	return nil
}

// startBrowser bundles the pages, serves them and starts Chromium.
func (t *tools) startBrowser(ctx context.Context) error {
	dir := filepath.Join(t.dir, string(browser))
	if err := command(ctx, dir, "node", "build.js"); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("serving the pages: %w", err)
	}
	web := &http.Server{Handler: http.FileServer(http.Dir(filepath.Join(dir, "dist"))), ReadHeaderTimeout: time.Minute}
	go func() { _ = web.Serve(listener) }() // until it is closed
	t.stops = append(t.stops, web.Close)
	// Another origin than the service's, as pages have.
	t.pages = strings.Replace("http://"+listener.Addr().String(), "127.0.0.1", "localhost", 1)

	chromium := exec.CommandContext(ctx, "node", "chromium.js")
	chromium.Dir, chromium.Stderr = dir, os.Stderr
	in, err := chromium.StdinPipe()
	if err != nil {
		return fmt.Errorf("starting Chromium: %w", err)
	}
	out, err := chromium.StdoutPipe()
	if err != nil {
		return fmt.Errorf("starting Chromium: %w", err)
	}
	if err := chromium.Start(); err != nil {
		return fmt.Errorf("starting Chromium: %w", err)
	}
	t.stops = append(t.stops, func() error { return errors.Join(in.Close(), chromium.Wait()) })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) || line == "" {
		return fmt.Errorf("starting Chromium: it did not say where it listens: %w", err)
	}
	t.chromium = strings.TrimSpace(line)
	return nil
}

func (t *tools) stop() error {
	var errs []error
	for i := len(t.stops) - 1; i >= 0; i-- {
		errs = append(errs, t.stops[i]())
	}
	return errors.Join(errs...)
}
