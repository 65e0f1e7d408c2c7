package sdk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"eventanalytics/pkg/client"
	"eventanalytics/tests/harness/account"
	"eventanalytics/tests/harness/stack"
)

// service is what all lanes share.
type service struct {
	dir   string
	env   []string
	stack *stack.Stack
	owner *client.Client

	away, limited string // ingest services that refuse, host:port
	stops         []func() error
}

// settings make events visible soon, and keep limits out of the way.
var settings = []string{
	"WORKER_POLL_INTERVAL=50ms", "WORKER_LOAD_INTERVAL=0s", "WAREHOUSE_POLL_INTERVAL=50ms",
	"RATE_LIMIT_INGEST=100000/s", "RATE_LIMIT_STATS=100000/s", "RATE_LIMIT_ACCOUNT=100000/s", "DRAIN_DELAY=0s",
}

func startService(ctx context.Context, dir string) (_ *service, err error) {
	s := &service{dir: dir, env: append([]string{"AUTH_SECRET=" + rand.Text() + rand.Text()}, settings...)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if err := stack.Build(ctx, "account", "ingest", "stats", "syncworker"); err != nil {
		return nil, err
	}
	if err := breakable.Build(ctx, "ingest"); err != nil {
		return nil, err
	}
	if s.stack, err = stack.Servers(ctx, dir, s.env...); err != nil {
		return nil, err
	}
	s.stops = append(s.stops, s.stack.Stop)
	for _, name := range []string{"account", "stats", "syncworker"} {
		if _, err := s.stack.StartService(ctx, name); err != nil {
			return nil, err
		}
	}
	if err := s.startRefusing(ctx); err != nil {
		return nil, err
	}
	s.owner, _, err = account.Register(ctx, client.Config{URL: "http://" + s.stack.Addresses["account"]}, "sdks")
	return s, err
}

// startRefusing starts a service that loses its Postgres, and one that takes a request every
// three seconds. Neither holds requests until it can take them.
func (s *service) startRefusing(ctx context.Context) error {
	way, err := newWay(s.stack.DatabaseURL)
	if err != nil {
		return err
	}
	s.stops = append(s.stops, way.close)
	for _, one := range []struct {
		address *string
		name    string
		env     []string
	}{
		{&s.away, "away", []string{"SDK_WAIT=0s", "DATABASE_URL=" + way.url}},
		// Limits are kept in Redis by key: in another database.
		{&s.limited, "limited", []string{"SDK_WAIT=0s", "RATE_LIMIT_INGEST=20/m burst 1", "REDIS_URL=" + s.stack.RedisURL[:len(s.stack.RedisURL)-1] + "1"}},
	} {
		dir := filepath.Join(s.dir, one.name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making a folder: %w", err)
		}
		if _, *one.address, err = s.startIngest(ctx, dir, one.env...); err != nil {
			return err
		}
	}
	return way.close()
}

func (s *service) stop() error {
	var errs []error
	for i := len(s.stops) - 1; i >= 0; i-- {
		errs = append(errs, s.stops[i]())
	}
	return errors.Join(errs...)
}

// project is where the events of one run are stored, with its keys.
type project struct{ sdk, probe, read string }

// newProject makes a project whose SDK gets a key of the scope.
func (s *service) newProject(ctx context.Context, name, scope string) (*project, error) {
	made, err := s.owner.CreateProject(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("making a project: %w", err)
	}
	p := &project{}
	for _, key := range []struct {
		scope string
		into  *string
	}{{scope, &p.sdk}, {client.ScopeIngest, &p.probe}, {client.ScopeRead, &p.read}} {
		k, err := s.owner.CreateKey(ctx, made.ID, "test", key.scope)
		if err != nil {
			return nil, fmt.Errorf("making a key of scope %s: %w", key.scope, err)
		}
		*key.into = k.Secret
	}
	return p, nil
}

// way is a TCP port that leads to Postgres' Unix socket, until it is closed.
type way struct {
	url      string
	listener net.Listener
	mu       sync.Mutex
	conns    []net.Conn
}

func newWay(database string) (*way, error) {
	u, err := url.Parse(database)
	if err != nil {
		return nil, fmt.Errorf("reading the database's address: %w", err)
	}
	w := &way{}
	if w.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("leading to Postgres: %w", err)
	}
	socket := filepath.Join(u.Query().Get("host"), ".s.PGSQL.5432")
	u.Host, u.RawQuery = w.listener.Addr().String(), "sslmode=disable"
	w.url = u.String()
	go w.serve(socket)
	return w, nil
}

func (w *way) serve(socket string) {
	for {
		in, err := w.listener.Accept()
		if err != nil {
			return // closed
		}
		out, err := net.Dial("unix", socket)
		if err != nil {
			_ = in.Close()
			continue
		}
		w.mu.Lock()
		w.conns = append(w.conns, in, out)
		w.mu.Unlock()
		go func() { _, _ = io.Copy(out, in) }()
		go func() { _, _ = io.Copy(in, out) }()
	}
}

// close ends what is open and lets nobody in any more.
func (w *way) close() error {
	_ = w.listener.Close() // it may be closed already
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Close()
	}
	return nil
}
