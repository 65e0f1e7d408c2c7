package compose

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/api"
)

const domain = "analytics.example"

// inFront starts the gateway in front of cells, with a file that lists them, and returns it and
// a transport that leads there whatever the host name.
func inFront(t *testing.T, list string) (front *another, transport *http.Transport) {
	t.Helper()
	port := freePort(t)
	front = compose(t, "front", []string{"deployments/docker/cells.yml"}, "PORT="+port, "CELLS_NETWORK="+project+"-cells", "CELLS_CONF="+list)
	front.up(t)
	transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", port))
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return front, transport
}

// cell prepares an installation behind it.
func cell(t *testing.T, name string) *another {
	t.Helper()
	return compose(t, name, []string{"docker-compose.yml", "deployments/docker/cell.yml"}, "CELL="+name, "CELLS_NETWORK="+project+"-cells")
}

// key makes an API key of a caller's project.
func key(t *testing.T, c *caller, scope string) string {
	t.Helper()
	secret, _ := c.Key(t, scope)
	return secret
}

// byKey is the same caller with a key alone, at the address that no cell has.
func byKey(c *caller, key string) *api.Caller {
	return c.At("http://"+domain).With("Authorization", "Bearer "+key)
}

// TestCells runs two installations behind one gateway. Events of one are in no other; when one
// is down, the other is not. Then a project moves: its keys are held back, the one cell is
// backed up and restored as the other, and its keys lead there.
func TestCells(t *testing.T) {
	shipped, err := os.ReadFile(filepath.Join(root, "deployments", "nginx", "cells.conf"))
	require.NoError(t, err)
	list := writeFile(t, "cells.conf", string(shipped))
	front, transport := inFront(t, list)
	cells := map[string]*another{}
	people := map[string]*caller{}
	keys := map[string]string{}
	for _, name := range []string{"eu1", "us1"} {
		cells[name] = cell(t, name)
		cells[name].up(t)
		c := newCallerAt(t, "http://"+name+"."+domain, transport)
		people[name], keys[name] = c, key(t, c, "ingest")
		require.NoError(t, c.post(t.Context(), 100))
	}
	id := uuid.New() // the same in both
	text, err := json.Marshal(eventOf(id))
	require.NoError(t, err)
	anEvent := string(text)
	for name, c := range people {
		require.NoError(t, c.advance(byKey(c, keys[name]).Upload(t, anEvent).Position))
		c.ids = append(c.ids, id)
		require.NoError(t, c.ask(t.Context()), name)
		require.Equal(t, "101", cells[name].sql(t, "SELECT count(*) FROM analytics.event_ids"), name)
	}

	cells["eu1"].must(t, "docker", "compose", "stop")
	for range 10 {
		byKey(people["eu1"], keys["eu1"]).Send(t, anEvent).Is(t, 503, "unavailable")
		byKey(people["us1"], keys["us1"]).Send(t, anEvent).Is(t, 202, "")
		require.NoError(t, people["us1"].post(t.Context(), 10))
		require.NoError(t, people["us1"].ask(t.Context()))
	}
	cells["eu1"].up(t)
	require.NoError(t, people["eu1"].ask(t.Context()))

	cells["us1"].must(t, "docker", "compose", "down", "--volumes")
	move := func(to string) {
		line := "\n" + keys["eu1"][:len("ea_eu1_")+8] + " " + to + ";\n"
		require.NoError(t, os.WriteFile(list, append(shipped, line...), 0o644))
		front.must(t, "docker", "compose", "exec", "-T", "gateway", "nginx", "-s", "reload")
	}
	move("127.0.0.1:1")
	require.Eventually(t, func() bool {
		return byKey(people["eu1"], keys["eu1"]).Send(t, anEvent).Status == http.StatusServiceUnavailable
	}, patience, tick, "its events are held back")
	dir := filepath.Join(t.TempDir(), "backup")
	cells["eu1"].must(t, "deployments/backup", dir)
	cells["us1"].must(t, "deployments/restore", dir)
	move("us1:5066")
	require.Eventually(t, func() bool {
		return byKey(people["eu1"], keys["eu1"]).Send(t, anEvent).Status == http.StatusAccepted
	}, patience, tick, "its key leads to the other cell")
	again := *people["eu1"]
	again.Caller = again.At("http://us1." + domain)
	again.Login(t) // the same name and password
	require.Equal(t, strconv.Itoa(len(again.ids)), cells["us1"].sql(t, "SELECT count(*) FROM analytics.event_ids"))
	require.Equal(t, "0", cells["us1"].sql(t, "SELECT count(*) FROM analytics.dead_letters"))
}
