package stack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"

	"eventanalytics/pkg/platform/postgres/private"
)

// Services starts Postgres, redis-server, the four services and nginx in front of
// them, all on free ports with their data in dir, and waits until they are
// ready. env adds settings to each service.
func Services(ctx context.Context, dir string, env ...string) (*Stack, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	return ServicesAt(ctx, Plan{Listen: address(port), Data: dir, Run: dir}, env...)
}

// Plan says where services run.
type Plan struct {
	Listen string         // the gateway's address, host:port
	Ports  map[string]int // of services, by name; others get free ones
	Data   string         // folder of what outlives a run: Postgres, the warehouse
	Run    string         // folder of logs and of what nginx writes

	Postgres map[string]string // settings of the server
	Redis    []string          // arguments of redis-server
}

// ServicesAt is Services as planned.
func ServicesAt(ctx context.Context, plan Plan, env ...string) (_ *Stack, err error) {
	s, err := ServersAt(ctx, plan, env...)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	for _, name := range []string{"account", "ingest", "stats", "syncworker"} {
		if _, err := s.startService(ctx, nil, name); err != nil {
			return nil, err
		}
	}
	nginx, err := StartGateway(ctx, plan.Run, Gateway{
		Listen: plan.Listen, Account: []string{s.Addresses["account"]}, Ingest: []string{s.Addresses["ingest"]}, Stats: []string{s.Addresses["stats"]},
	})
	if err != nil {
		return nil, err
	}
	s.onStop(nginx.Stop)
	s.URL = "http://" + plan.Listen
	s.processes = append(s.processes, nginx)
	return s, awaitReady(ctx, s.URL, s.processes...)
}

// Servers starts what the services depend on, but no service and no gateway:
// Postgres with the newest schema, and redis-server. StartService adds services.
func Servers(ctx context.Context, dir string, env ...string) (*Stack, error) {
	return ServersAt(ctx, Plan{Data: dir, Run: dir}, env...)
}

// ServersAt is Servers as planned.
func ServersAt(ctx context.Context, plan Plan, env ...string) (_ *Stack, err error) {
	s := &Stack{Addresses: map[string]string{}, data: plan.Data, dir: plan.Run, ports: plan.Ports, settings: plan.Postgres}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	warehouse := filepath.Join(s.data, "warehouse")
	if err := os.MkdirAll(warehouse, 0o755); err != nil {
		return nil, fmt.Errorf("making the warehouse folder: %w", err)
	}
	if err := s.startPostgres(ctx); err != nil {
		return nil, err
	}
	s.onStop(func() error { return s.Postgres.Stop() })
	s.DatabaseURL = s.Postgres.URL()

	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	redis, err := StartRedis(ctx, s.dir, port, plan.Redis...)
	if err != nil {
		return nil, err
	}
	s.onStop(redis.Stop)
	s.Redis = redis
	s.processes = append(s.processes, redis)
	s.RedisURL = "redis://" + address(port) + "/0"
	if Objects() {
		if err := s.startObjects(ctx); err != nil {
			return nil, err
		}
	}
	s.env = append([]string{
		"DATABASE_URL=" + s.DatabaseURL,
		"REDIS_URL=" + s.RedisURL,
		"AUTH_SECRET=" + rand.Text() + rand.Text(),
		"DRAIN_DELAY=0s", // all services stop together, so there is no traffic to move
	}, env...)
	return s, s.migrate(ctx, s.dir, s.env)
}

func (s *Stack) startPostgres(ctx context.Context) error {
	server, err := private.Start(ctx, private.Config{Dir: filepath.Join(s.data, "postgres"), Log: zap.NewNop(), Settings: s.settings})
	if err != nil {
		return fmt.Errorf("starting Postgres: %w", err)
	}
	s.Postgres = server
	return nil
}

// RestartPostgres stops Postgres, if it still runs, and starts it at the same URL.
func (s *Stack) RestartPostgres(ctx context.Context) error {
	if err := s.Postgres.Stop(); err != nil {
		return fmt.Errorf("stopping Postgres: %w", err)
	}
	if err := s.startPostgres(ctx); err != nil {
		return err
	}
	if url := s.Postgres.URL(); url != s.DatabaseURL { // the path of its folder is too long for a socket
		return fmt.Errorf("restarting Postgres: its URL changed to %s", url)
	}
	return nil
}

// StartService starts one service on a free port, which it records in Addresses,
// and waits until the service is ready. env adds to the stack's settings.
func (s *Stack) StartService(ctx context.Context, name string, env ...string) (*Process, error) {
	return s.StartServiceUnder(ctx, nil, name, env...)
}

// StartServiceUnder is StartService through a command that becomes the service, such
// as strace -D with its arguments.
func (s *Stack) StartServiceUnder(ctx context.Context, command []string, name string, env ...string) (*Process, error) {
	p, err := s.startService(ctx, command, name, env...)
	if err != nil {
		return nil, err
	}
	return p, awaitReady(ctx, "http://"+s.Addresses[name], p)
}

func (s *Stack) startService(ctx context.Context, command []string, name string, env ...string) (*Process, error) {
	program, err := binary(name)
	if err != nil {
		return nil, err
	}
	port := s.ports[name]
	if port == 0 {
		if port, err = FreePort(); err != nil {
			return nil, err
		}
	}
	command = append(slices.Clone(command), program)
	p, err := Start(ctx, s.dir, name, slices.Concat(s.warehouseOf(name), s.env, env, []string{"ADDR=" + address(port)}), command[0], command[1:]...)
	if err != nil {
		return nil, err
	}
	s.onStop(p.Stop)
	s.Addresses[name] = address(port)
	s.processes = append(s.processes, p)
	return p, nil
}

// migrate migrates the empty database twice: a repetition must be a no-op.
func (s *Stack) migrate(ctx context.Context, dir string, env []string) error {
	program, err := binary("ingest")
	if err != nil {
		return err
	}
	for range 2 {
		p, err := Start(ctx, dir, "migrate", env, program, "migrate")
		if err != nil {
			return err
		}
		if err := p.Wait(time.Minute); err != nil {
			return fmt.Errorf("migrating: %w\n%s", err, p.Log())
		}
	}
	return nil
}

// StartRedis runs redis-server on a port of 127.0.0.1, without persistence. args are
// more of its arguments.
func StartRedis(ctx context.Context, dir string, port int, args ...string) (*Process, error) {
	program, err := find("redis-server")
	if err != nil {
		return nil, err
	}
	args = append([]string{"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--save", "", "--appendonly", "no", "--dir", dir}, args...)
	return Start(ctx, dir, "redis", nil, program, args...)
}

// find looks up a server program; on Debian some are outside users' PATH.
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
