package stack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"eventanalytics/pkg/postgres/private"
)

// Services starts Postgres, redis-server, the three services and nginx in front
// of them, all on free ports with their data in dir, and waits until they are
// ready. env adds settings to each service.
func Services(ctx context.Context, dir string, env ...string) (_ *Stack, err error) {
	s := &Stack{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	warehouse := filepath.Join(dir, "warehouse")
	if err := os.MkdirAll(warehouse, 0o755); err != nil {
		return nil, fmt.Errorf("making the warehouse folder: %w", err)
	}
	server, err := private.Start(ctx, private.Config{Dir: filepath.Join(dir, "postgres"), Log: zap.NewNop()})
	if err != nil {
		return nil, fmt.Errorf("starting Postgres: %w", err)
	}
	s.onStop(server.Stop)
	s.DatabaseURL = server.URL()

	var ports [5]int
	for i := range ports {
		if ports[i], err = FreePort(); err != nil {
			return nil, err
		}
	}
	redis, err := startRedis(ctx, dir, ports[0])
	if err != nil {
		return nil, err
	}
	s.onStop(redis.stop)

	env = append([]string{
		"DATABASE_URL=" + s.DatabaseURL,
		"REDIS_URL=redis://" + address(ports[0]) + "/0",
		"AUTH_SECRET=" + rand.Text() + rand.Text(),
		"WAREHOUSE_DIR=" + warehouse,
	}, env...)
	if err := s.migrate(ctx, dir, env); err != nil {
		return nil, err
	}
	processes := []*Process{redis}
	for i, name := range []string{"ingest", "stats", "syncworker"} {
		program, err := binary(name)
		if err != nil {
			return nil, err
		}
		p, err := start(ctx, dir, name, append(env, "ADDR="+address(ports[i+1])), program)
		if err != nil {
			return nil, err
		}
		s.onStop(p.stop)
		processes = append(processes, p)
	}
	nginx, err := startNginx(ctx, dir, address(ports[4]), address(ports[1]), address(ports[2]))
	if err != nil {
		return nil, err
	}
	s.onStop(nginx.stop)
	s.URL = "http://" + address(ports[4])
	return s, s.awaitReady(ctx, append(processes, nginx)...)
}

// migrate brings the empty database up, twice: repeating it must do no harm.
func (s *Stack) migrate(ctx context.Context, dir string, env []string) error {
	program, err := binary("ingest")
	if err != nil {
		return err
	}
	for range 2 {
		p, err := start(ctx, dir, "migrate", env, program, "migrate")
		if err != nil {
			return err
		}
		if err := p.Wait(time.Minute); err != nil {
			return fmt.Errorf("migrating: %w\n%s", err, p.Log())
		}
	}
	return nil
}

func startRedis(ctx context.Context, dir string, port int) (*Process, error) {
	program, err := find("redis-server")
	if err != nil {
		return nil, err
	}
	return start(ctx, dir, "redis", nil, program,
		"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--save", "", "--appendonly", "no", "--dir", dir)
}

// nginxConf is what the gateway's configuration is included into; the
// placeholder is the folder for everything nginx writes.
const nginxConf = `
user root;
daemon off;
pid {dir}/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
    client_body_temp_path {dir}/nginx-body;
    proxy_temp_path {dir}/nginx-proxy;
    fastcgi_temp_path {dir}/nginx-fastcgi;
    uwsgi_temp_path {dir}/nginx-uwsgi;
    scgi_temp_path {dir}/nginx-scgi;
    include {dir}/gateway.conf;
}
`

// upstreamsConf names the services as deployments/nginx/upstreams.conf does.
const upstreamsConf = `
upstream ingest { server {ingest}; keepalive 64; keepalive_timeout 2s; }
upstream stats { server {stats}; keepalive 64; keepalive_timeout 2s; }
`

func startNginx(ctx context.Context, dir, listen, ingest, stats string) (*Process, error) {
	program, err := find("nginx")
	if err != nil {
		return nil, err
	}
	root, err := Root()
	if err != nil {
		return nil, err
	}
	template, err := os.ReadFile(filepath.Join(root, "deployments", "nginx", "gateway.conf.template"))
	if err != nil {
		return nil, fmt.Errorf("reading the gateway's configuration: %w", err)
	}
	gateway, err := substitute(string(template), map[string]string{
		"LISTEN": listen, "INGEST": "ingest", "STATS": "stats", "UPSTREAMS": "upstreams.conf", "RESOLVER": "127.0.0.1",
	})
	if err != nil {
		return nil, err
	}
	for name, content := range map[string]string{
		"gateway.conf":   gateway,
		"nginx.conf":     strings.ReplaceAll(nginxConf, "{dir}", dir),
		"upstreams.conf": strings.NewReplacer("{ingest}", ingest, "{stats}", stats).Replace(upstreamsConf),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return nil, fmt.Errorf("writing nginx's configuration: %w", err)
		}
	}
	return start(ctx, dir, "nginx", nil, program, "-p", dir, "-e", "stderr", "-c", filepath.Join(dir, "nginx.conf"))
}

var placeholder = regexp.MustCompile(`\$\{[A-Z_]+\}`)

// substitute does what envsubst does in the nginx image, and refuses to leave a
// placeholder empty by mistake.
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

// find looks a server program up; Debian keeps some where users do not look.
func find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	path := "/usr/sbin/" + name
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("finding %s (make test installs it): %w", name, err)
	}
	return path, nil
}

func address(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }
