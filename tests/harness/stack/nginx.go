package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Gateway configures nginx.
type Gateway struct {
	Listen                 string   // host:port
	Account, Ingest, Stats []string // host:port of the replicas
	// Ungrouped makes nginx look the first replica up for each request, as it
	// does in Docker when it is too old to do so for a group.
	Ungrouped bool
	Server    string // added to the server block, as from gateway.d
	// Under starts nginx through a command that becomes it.
	Under []string
	// PerAddress is CONNECTIONS_PER_ADDRESS, by default that of the compose file.
	PerAddress int
}

// perAddress is the default of the compose file.
const perAddress = 512

// nginxConf is deployments/nginx/nginx.conf for an nginx that reads and writes in dir
// only.
func nginxConf(root, dir string) (string, error) {
	conf, err := os.ReadFile(filepath.Join(root, "deployments", "nginx", "nginx.conf"))
	if err != nil {
		return "", fmt.Errorf("reading nginx's configuration: %w", err)
	}
	var temporary strings.Builder
	for _, what := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temporary, "    %s_temp_path %s/nginx-%s;\n", what, dir, what)
	}
	return strings.NewReplacer(
		"user nginx;", "user root;\ndaemon off;",
		"/run/nginx.pid", filepath.Join(dir, "nginx.pid"),
		"http {\n", "http {\n"+temporary.String(),
		"/etc/nginx/conf.d/*.conf", filepath.Join(dir, "gateway.conf"),
	).Replace(string(conf)), nil
}

// opening bounds how long nginx may take to listen.
const opening = 30 * time.Second

// StartGateway runs nginx with the configuration in deployments/nginx, and returns
// when it listens on every port of the configuration: nginx opens one after
// another, so that one answering says nothing of the next. It reads and writes only
// in dir.
func StartGateway(ctx context.Context, dir string, g Gateway) (*Process, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	template, err := os.ReadFile(filepath.Join(root, "deployments", "nginx", "gateway.conf.template"))
	if err != nil {
		return nil, fmt.Errorf("reading the gateway's configuration: %w", err)
	}
	values := map[string]string{
		"LISTEN": g.Listen, "UPSTREAMS": "upstreams.conf", "ACCOUNT": "account", "INGEST": "ingest", "STATS": "stats", "RESOLVER": "127.0.0.1",
		"CONNECTIONS_PER_ADDRESS": strconv.Itoa(cmp.Or(g.PerAddress, perAddress)),
	}
	if g.Ungrouped {
		values["UPSTREAMS"] = os.DevNull
		values["ACCOUNT"], values["INGEST"], values["STATS"] = g.Account[0], g.Ingest[0], g.Stats[0]
	}
	gateway, err := substitute(string(template), values)
	if err != nil {
		return nil, err
	}
	return startNginx(ctx, dir, g.Under, map[string]string{
		"gateway.conf":          gateway,
		"gateway.d/server.conf": g.Server,
		"upstreams.conf":        group("account", g.Account) + group("ingest", g.Ingest) + group("stats", g.Stats),
	})
}

// Cells configures the nginx in front of several installations.
type Cells struct {
	Listen string // host:port
	List   string // cells.conf, by default that of deployments/nginx
	Server string // added to the server block, as from gateway.d
	// PerCell is CONNECTIONS_PER_CELL, by default that of the compose file.
	PerCell int
}

// perCell is the default of the compose file.
const perCell = 2048

// StartCells is StartGateway for the gateway in front of several others.
func StartCells(ctx context.Context, dir string, c Cells) (*Process, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	template, err := os.ReadFile(filepath.Join(root, "deployments", "nginx", "cells.conf.template"))
	if err != nil {
		return nil, fmt.Errorf("reading the gateway's configuration: %w", err)
	}
	conf, err := substitute(string(template), map[string]string{
		"LISTEN": c.Listen, "RESOLVER": "127.0.0.1", "CONNECTIONS_PER_CELL": strconv.Itoa(cmp.Or(c.PerCell, perCell)),
	})
	if err != nil {
		return nil, err
	}
	if c.List == "" {
		shipped, err := os.ReadFile(filepath.Join(root, "deployments", "nginx", "cells.conf"))
		if err != nil {
			return nil, fmt.Errorf("reading the list of cells: %w", err)
		}
		c.List = string(shipped)
	}
	return startNginx(ctx, dir, nil, map[string]string{"gateway.conf": conf, "gateway.d/server.conf": c.Server, "cells.conf": c.List})
}

// startNginx runs nginx on files, by path in dir, of which gateway.conf has the server.
func startNginx(ctx context.Context, dir string, under []string, files map[string]string) (*Process, error) {
	program, err := find("nginx")
	if err != nil {
		return nil, err
	}
	root, err := Root()
	if err != nil {
		return nil, err
	}
	if files["nginx.conf"], err = nginxConf(root, dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "gateway.d"), 0o755); err != nil {
		return nil, fmt.Errorf("making a folder for nginx: %w", err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return nil, fmt.Errorf("writing nginx's configuration: %w", err)
		}
	}
	// Only nginx that has opened its ports writes this file; one that was killed
	// has left it.
	pid := filepath.Join(dir, "nginx.pid")
	if err := os.Remove(pid); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("removing the mark of an earlier nginx: %w", err)
	}
	command := append(slices.Clone(under), program, "-p", dir, "-e", "stderr", "-c", filepath.Join(dir, "nginx.conf"))
	p, err := Start(ctx, dir, "nginx", nil, command[0], command[1:]...)
	if err != nil {
		return nil, err
	}
	if err := awaitFile(ctx, pid, p); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// awaitFile waits until p has written something into the file.
func awaitFile(ctx context.Context, path string, p *Process) error {
	ctx, cancel := context.WithTimeout(ctx, opening)
	defer cancel()
	for {
		if info, err := os.Stat(path); err == nil && info.Size() > 0 {
			return nil
		}
		select {
		case <-p.Ended():
			return fmt.Errorf("waiting for %s: it ended\n%s", path, p.Log())
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w\n%s", path, ctx.Err(), p.Log())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// group lists replicas as deployments/systemd/upstreams.conf does.
func group(name string, replicas []string) string {
	return "upstream " + name + " {\n    server " + strings.Join(replicas, " fail_timeout=1s;\n    server ") +
		" fail_timeout=1s;\n    keepalive 64;\n    keepalive_timeout 2s;\n}\n"
}

var placeholder = regexp.MustCompile(`\$\{[A-Z_]+\}`)

// substitute does what envsubst does in the nginx image, except that a placeholder
// without a value is an error.
func substitute(template string, values map[string]string) (string, error) {
	var missing []string
	text := placeholder.ReplaceAllStringFunc(template, func(found string) string {
		value, ok := values[found[2:len(found)-1]]
		if !ok {
			missing = append(missing, found)
		}
		return value
	})
	if len(missing) > 0 {
		return "", fmt.Errorf("filling in the gateway's configuration: no value for %s", strings.Join(missing, ", "))
	}
	return text, nil
}
