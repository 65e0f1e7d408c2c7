// Package cells looks at two installations behind one gateway: each request has to reach the
// installation that its host name or its key names, and no other.
package cells

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/api"
	"eventanalytics/tests/harness/stack"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

// domain is that of the gateway in front: its cells are at eu1.analytics.example and so on.
const domain = "analytics.example"

var (
	workDir string
	cells   = map[string]*stack.Stack{"eu1": nil, "us1": nil}
)

func run(m *testing.M) (code int) {
	err := start(context.Background())
	if err == nil {
		code = m.Run()
	}
	for _, s := range cells {
		if s != nil {
			err = errors.Join(err, s.Stop())
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if code == 0 {
		_ = os.RemoveAll(workDir) // only a temporary folder
	} else {
		fmt.Fprintln(os.Stderr, "logs are kept in", workDir)
	}
	return code
}

func start(ctx context.Context) (err error) {
	if err := stack.Build(ctx, "account", "ingest", "syncworker", "stats"); err != nil {
		return err
	}
	// Not t.TempDir: Postgres runs as another user, which must be able to enter.
	if workDir, err = os.MkdirTemp("", "analytics-cells-"); err != nil {
		return fmt.Errorf("making a folder for the tests: %w", err)
	}
	if err := os.Chmod(workDir, 0o755); err != nil {
		return fmt.Errorf("making a folder for the tests: %w", err)
	}
	for name := range cells {
		if cells[name], err = stack.Services(ctx, filepath.Join(workDir, name), "CELL="+name, "REDIS_TIMEOUT=10s"); err != nil {
			return err
		}
	}
	return nil
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
	require.NoError(t, err)
	return string(text)
}

func newDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(workDir, strings.ReplaceAll(t.Name(), "/", "-")+"-")
	require.NoError(t, err)
	return dir
}

func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := stack.FreePort()
	require.NoError(t, err)
	return "127.0.0.1:" + strconv.Itoa(port)
}

// cell starts the gateway of a cell, as one behind another.
func cell(t *testing.T, name string) (address string, gateway *stack.Process) {
	t.Helper()
	s := cells[name]
	address = freeAddress(t)
	gateway, err := stack.StartGateway(t.Context(), newDir(t), stack.Gateway{
		Listen: address, Account: []string{s.Addresses["account"]}, Ingest: []string{s.Addresses["ingest"]}, Stats: []string{s.Addresses["stats"]},
		Server: read(t, "deployments", "nginx", "cell.conf") + "set_real_ip_from 127.0.0.1;\n",
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = gateway.Stop() }) // a test may have stopped it
	return address, gateway
}

// front is the gateway in front of cells.
type front struct {
	*http.Transport        // leads there whatever the host name
	address         string // host:port
	log             func() string
}

// startFront starts a gateway in front of the cells at addresses, by name, as the shipped list has
// them.
func startFront(t *testing.T, addresses map[string]string, c stack.Cells) *front {
	t.Helper()
	c.Listen = freeAddress(t)
	if c.List == "" {
		c.List = read(t, "deployments", "nginx", "cells.conf")
	}
	for name, address := range addresses {
		c.List = strings.ReplaceAll(c.List, name+":5066", address)
	}
	p, err := stack.StartCells(t.Context(), newDir(t), c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Stop()) })
	// Not the address that nginx itself has: what the services see is told apart.
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(client)}}
	f := &front{address: c.Listen, log: p.Log, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", c.Listen)
		},
	}}
	t.Cleanup(f.CloseIdleConnections)
	return f
}

// client is the address of all clients here.
const client = "127.0.0.2"

// both starts the two cells and the gateway in front.
func both(t *testing.T) *front {
	t.Helper()
	addresses := map[string]string{}
	for name := range cells {
		addresses[name], _ = cell(t, name)
	}
	return startFront(t, addresses, stack.Cells{})
}

// of is the address of a cell, or with an empty name that of none.
func of(cell string) string {
	if cell == "" {
		return "http://" + domain
	}
	return "http://" + cell + "." + domain
}

// anonymous returns a caller without credentials, at the host name of a cell or of none.
func (f *front) anonymous(cell string) *api.Caller { return api.Anonymous(of(cell), f) }

const patience = 30 * time.Second

// logOf is what a service of a cell has logged.
func logOf(t *testing.T, cell, service string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(workDir, cell, service+".log"))
	require.NoError(t, err)
	return string(text)
}
