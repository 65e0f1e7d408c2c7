package faults

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/client"
	"eventanalytics/pkg/platform/postgres/private"
	"eventanalytics/tests/harness/stack"
	"eventanalytics/tests/harness/stack/disk"
)

// cluster is two of each service with Postgres, Redis and nginx. Each service
// reaches Postgres through a proxy of its own. A killed process is restarted at the
// same address.
type cluster struct {
	dir     string
	variant stack.Variant
	env     []string

	server   *private.Server
	bridge   *bridge
	db       *pgxpool.Pool // past the proxies
	store    *store        // nil for a shared folder
	redis    *stack.Process
	redisAt  int // port
	gateway  *stack.Process
	proxied  stack.Gateway
	services map[string]*service                      // by name: ingest-1 …
	disks    struct{ warehouse, postgres *disk.Disk } // nil where none can be mounted

	spare    *project        // for what a fault itself posts
	finished []*finished     // projects of the rounds so far
	seen     map[string]bool // paths of segments whose files must be there
}

// service is one process of the service.
type service struct {
	*stack.Process
	name, program string
	address       string // host:port
	proxy         *proxy
	failpoints    string // folder
}

func (s *service) url() string { return "http://" + s.address }

// settings make everything happen often: nearly every upload is a load, merges take
// four segments, and a silent leader is replaced after a second.
var settings = []string{
	"WORKER_LEASE=1s", "WORKER_POLL_INTERVAL=100ms", "WORKER_LOAD_INTERVAL=0s", "WORKER_LOAD_ROWS=8",
	"WORKER_COMPACT_SEGMENTS=4", "WORKER_SEGMENT_EVENTS=2000", "WORKER_COLLECT_INTERVAL=300ms", "LAKE_INTERVAL=1s",
	"WAREHOUSE_POLL_INTERVAL=100ms", "WAREHOUSE_MEMORY_LIMIT=512MiB",
	"RATE_LIMIT_REGISTER=4/h burst 4",
	"RATE_LIMIT_STATS=100000/s", "RATE_LIMIT_INGEST=100000/s", "RATE_LIMIT_ACCOUNT=100000/s", "DRAIN_DELAY=0s", "DRAIN_TIMEOUT=5s",
}

func newCluster(ctx context.Context, dir string, variant stack.Variant) (_ *cluster, err error) {
	c := &cluster{dir: dir, variant: variant, services: map[string]*service{}, seen: map[string]bool{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.stop())
		}
	}()
	if err := c.mount(ctx); err != nil {
		return nil, err
	}
	if err := c.startPostgres(ctx); err != nil {
		return nil, err
	}
	if c.bridge, err = newBridge(filepath.Join(c.postgres(), "run", ".s.PGSQL.5432")); err != nil {
		return nil, err
	}
	if c.db, err = pgxpool.New(ctx, c.server.URL()); err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	if c.redisAt, err = stack.FreePort(); err != nil {
		return nil, err
	}
	if err := c.startRedis(ctx); err != nil {
		return nil, err
	}
	if stack.Objects() {
		if err := c.startStore(ctx); err != nil {
			return nil, err
		}
	}
	c.env = append([]string{
		fmt.Sprintf("REDIS_URL=redis://127.0.0.1:%d/0", c.redisAt),
		"AUTH_SECRET=" + rand.Text() + rand.Text(),
	}, settings...)
	if err := c.migrate(ctx); err != nil {
		return nil, err
	}
	for _, name := range []string{"account-1", "account-2", "ingest-1", "ingest-2", "syncworker-1", "syncworker-2", "stats-1", "stats-2"} {
		if err := c.addService(ctx, name); err != nil {
			return nil, err
		}
	}
	port, err := stack.FreePort()
	if err != nil {
		return nil, err
	}
	c.proxied = stack.Gateway{
		Listen: fmt.Sprintf("127.0.0.1:%d", port),
	}
	for program, replicas := range map[string]*[]string{"account": &c.proxied.Account, "ingest": &c.proxied.Ingest, "stats": &c.proxied.Stats} {
		*replicas = []string{c.services[program+"-1"].address, c.services[program+"-2"].address}
	}
	if err := c.startGateway(ctx); err != nil {
		return nil, err
	}
	return c, c.awaitReady(ctx)
}

func (c *cluster) migrate(ctx context.Context) error {
	program, err := c.variant.Binary("ingest")
	if err != nil {
		return err
	}
	if _, err := stack.Command(ctx, []string{"DATABASE_URL=" + c.server.URL()}, program, "migrate"); err != nil {
		return err
	}
	if _, err := c.db.Exec(ctx, watchRowsSQL); err != nil {
		return fmt.Errorf("watching the rows of segments: %w", err)
	}
	return nil
}

func (c *cluster) warehouse() string { return filepath.Join(c.dir, "warehouse") }

func (c *cluster) postgres() string { return filepath.Join(c.dir, "postgres") }

func (c *cluster) url() string { return "http://" + c.proxied.Listen }

// postgresSettings make restarts quick without costing durability.
var postgresSettings = map[string]string{"wal_writer_delay": "10ms", "autovacuum": "off"}

// startPostgres also recovers from a crash.
func (c *cluster) startPostgres(ctx context.Context) (err error) {
	c.server, err = private.Start(ctx, private.Config{Dir: c.postgres(), Settings: postgresSettings})
	return err
}

func (c *cluster) startRedis(ctx context.Context) (err error) {
	c.redis, err = stack.StartRedis(ctx, c.dir, c.redisAt)
	return err
}

func (c *cluster) startGateway(ctx context.Context) (err error) {
	c.gateway, err = stack.StartGateway(ctx, c.dir, c.proxied)
	return err
}

func (c *cluster) addService(ctx context.Context, name string) error {
	port, err := stack.FreePort()
	if err != nil {
		return err
	}
	s := &service{
		name: name, program: name[:len(name)-2], address: fmt.Sprintf("127.0.0.1:%d", port),
		failpoints: filepath.Join(c.dir, "failpoints", name),
	}
	if err := os.MkdirAll(s.failpoints, 0o755); err != nil {
		return fmt.Errorf("making a folder for failpoints: %w", err)
	}
	if s.proxy, err = newProxy(name, c.bridge.listener.Addr().String()); err != nil {
		return err
	}
	c.services[name] = s
	return c.start(ctx, s)
}

// start starts a service that is not running.
func (c *cluster) start(ctx context.Context, s *service) error {
	program, err := c.variant.Binary(s.program)
	if err != nil {
		return err
	}
	env := slices.Concat(c.warehouseEnv(s.name), c.env, []string{
		"ADDR=" + s.address, "FAILPOINTS=" + s.failpoints,
		"DATABASE_URL=postgres://postgres@" + s.proxy.Listen + "/" + private.Database + "?sslmode=disable",
	})
	s.Process, err = stack.Start(ctx, c.dir, s.name, env, program)
	return err
}

// ended says whether a process is gone.
func ended(p *stack.Process) bool {
	if p == nil {
		return true
	}
	select {
	case <-p.Ended():
		return true
	default:
		return false
	}
}

// heal starts what is down, resumes what was stopped, and waits until everything is
// ready.
func (c *cluster) heal(ctx context.Context) error {
	for _, s := range c.services {
		if err := s.proxy.up(); err != nil {
			return err
		}
		if err := disarm(s, "*"); err != nil {
			return err
		}
		if !ended(s.Process) {
			_ = syscall.Kill(s.PID(), syscall.SIGCONT) // it may just have ended
		}
	}
	if c.store != nil {
		if err := c.healStore(ctx); err != nil {
			return err
		}
	}
	select {
	case <-c.server.Done():
		if err := c.restartPostgres(ctx); err != nil {
			return err
		}
	default:
	}
	if ended(c.redis) {
		if err := c.startRedis(ctx); err != nil {
			return err
		}
	}
	if ended(c.gateway) {
		if err := c.startGateway(ctx); err != nil {
			return err
		}
	}
	return c.awaitReady(ctx)
}

// restartPostgres starts the server that has ended.
func (c *cluster) restartPostgres(ctx context.Context) error {
	if err := c.server.Stop(); err != nil { // releases its lock
		return err
	}
	return c.startPostgres(ctx)
}

// awaitReady waits until every service is ready, and restarts those that exited: a
// service does not start without Postgres.
func (c *cluster) awaitReady(ctx context.Context) error {
	for _, s := range c.sorted() {
		err := stack.Poll(ctx, time.Minute, func() error {
			if ended(s.Process) {
				if err := c.start(ctx, s); err != nil {
					return err
				}
			}
			return ready(ctx, s.url())
		})
		if err != nil {
			return fmt.Errorf("waiting for %s: %w\n%s", s.name, err, last(s.Log()))
		}
	}
	if err := stack.Poll(ctx, time.Minute, func() error { return ready(ctx, c.url()) }); err != nil {
		return fmt.Errorf("waiting for the gateway: %w", err)
	}
	return nil
}

func (c *cluster) sorted() []*service {
	var all []*service
	for _, name := range slices.Sorted(maps.Keys(c.services)) {
		all = append(all, c.services[name])
	}
	return all
}

// last returns the end of a log.
func last(log string) string { return log[max(0, len(log)-4000):] }

// transport gives connections up soon: what they lead to may have been killed.
var transport = &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Second}

// calling is how a service is called: once for each request, so that what is known
// of every attempt can be written down.
func calling(base, key string) client.Config {
	return client.Config{URL: base, APIKey: key, Timeout: 20 * time.Second, Transport: transport}
}

func ready(ctx context.Context, base string) error {
	c, err := client.New(calling(base, ""))
	if err != nil {
		return err
	}
	return c.Ready(ctx)
}

// stop ends everything.
func (c *cluster) stop() error {
	var errs []error
	if c.gateway != nil {
		errs = append(errs, c.gateway.Stop())
	}
	for _, s := range c.services {
		if !ended(s.Process) {
			_ = syscall.Kill(s.PID(), syscall.SIGCONT)
			errs = append(errs, s.Kill()) // clean shutdown is tested elsewhere
			<-s.Ended()
		}
		s.proxy.cut()
	}
	if c.redis != nil {
		errs = append(errs, c.redis.Stop())
	}
	if c.store != nil {
		errs = append(errs, c.store.stop())
	}
	if c.db != nil {
		c.db.Close()
	}
	if c.bridge != nil {
		errs = append(errs, c.bridge.listener.Close())
	}
	if c.server != nil {
		errs = append(errs, c.server.Stop())
	}
	for _, d := range []*disk.Disk{c.disks.warehouse, c.disks.postgres} {
		if d != nil {
			errs = append(errs, d.Unmount())
		}
	}
	return errors.Join(errs...)
}
