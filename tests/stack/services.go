package stack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"go.uber.org/zap"

	"eventanalytics/pkg/postgres/private"
)

// Services starts Postgres, redis-server, the three services and nginx in front
// of them, all on free ports with their data in dir, and waits until they are
// ready. env adds settings to each service.
func Services(ctx context.Context, dir string, env ...string) (*Stack, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	return ServicesAt(ctx, dir, address(port), env...)
}

// ServicesAt is Services with the gateway's address, host:port.
func ServicesAt(ctx context.Context, dir, listen string, env ...string) (_ *Stack, err error) {
	s := &Stack{Addresses: map[string]string{}}
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

	var ports [4]int
	for i := range ports {
		if ports[i], err = FreePort(); err != nil {
			return nil, err
		}
	}
	redis, err := startRedis(ctx, dir, ports[0])
	if err != nil {
		return nil, err
	}
	s.onStop(redis.Stop)

	env = append([]string{
		"DATABASE_URL=" + s.DatabaseURL,
		"REDIS_URL=redis://" + address(ports[0]) + "/0",
		"AUTH_SECRET=" + rand.Text() + rand.Text(),
		"WAREHOUSE_DIR=" + warehouse,
		"DRAIN_DELAY=0s", // all stop at once, nobody is to turn away
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
		s.onStop(p.Stop)
		s.Addresses[name] = address(ports[i+1])
		processes = append(processes, p)
	}
	nginx, err := StartGateway(ctx, dir, Gateway{
		Listen: listen, Ingest: []string{s.Addresses["ingest"]}, Stats: []string{s.Addresses["stats"]},
	})
	if err != nil {
		return nil, err
	}
	s.onStop(nginx.Stop)
	s.URL = "http://" + listen
	s.processes = append(processes, nginx)
	return s, s.awaitReady(ctx, s.processes...)
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
