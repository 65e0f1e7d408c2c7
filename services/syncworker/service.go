// Package syncworker is the service that moves batches from the outbox into the
// warehouse: one worker leads, loads and maintains; others stand by. README.md says
// what the folders are for.
package syncworker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/clock"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/boot"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/fields"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/objects"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/syncworker/lake"
	"eventanalytics/services/syncworker/lease"
	"eventanalytics/services/syncworker/load"
	"eventanalytics/services/syncworker/maintain"
	"eventanalytics/services/syncworker/userkey"
)

// Config of the sync worker.
type Config struct {
	HTTP      server.Config
	Warehouse warehouse.Config

	Lease           time.Duration `env:"WORKER_LEASE" envDefault:"5s" doc:"How long a silent leader holds the lease before another worker may take over"`
	PollInterval    time.Duration `env:"WORKER_POLL_INTERVAL" envDefault:"500ms" doc:"How often the outbox is polled if no notification arrives"`
	LoadInterval    time.Duration `env:"WORKER_LOAD_INTERVAL" envDefault:"250ms" doc:"Minimum interval between loads when there is no backlog. Less frequent loads make larger segments. With WAREHOUSE_S3_BUCKET 10s by default: each load writes three objects for each project with new events"`
	LoadRows        int           `env:"WORKER_LOAD_ROWS" envDefault:"5000" doc:"Maximum outbox rows per load"`
	LoadEvents      int           `env:"WORKER_LOAD_EVENTS" envDefault:"200000" doc:"Maximum events per load"`
	LoadBytes       int64         `env:"WORKER_LOAD_BYTES" envDefault:"67108864" doc:"Maximum bytes of events per load, as they are in the outbox. By default a 36th of GOMEMLIMIT, and at most 64 MiB: a load takes about eight times as much"`
	UserCache       int           `env:"WORKER_USER_CACHE" envDefault:"1000000" doc:"Number of users whose keys the worker caches; a million take about 100 MiB. Each 64 bytes of an id count as one more"`
	CompactSegments int           `env:"WORKER_COMPACT_SEGMENTS" envDefault:"8" doc:"How many segments of one project and level accumulate before they are merged"`
	SegmentEvents   int64         `env:"WORKER_SEGMENT_EVENTS" envDefault:"1000000" doc:"Maximum events in a merged segment, unless a single day has more"`
	MergeBytes      int64         `env:"WORKER_MERGE_BYTES" envDefault:"268435456" doc:"Maximum bytes of events, as they are in memory, that one merge reads; segments of more than a quarter stay as they are. By default a ninth of GOMEMLIMIT, and at most 256 MiB: a merge takes up to three times as much"`
	MergeRollUps    int64         `env:"WORKER_MERGE_ROLLUP_BYTES" envDefault:"33554432" doc:"Maximum bytes of roll-ups that one merge reads; segments of more than a quarter stay as they are. By default a 72nd of GOMEMLIMIT, and at most 32 MiB: a merge takes up to 25 times as much"`
	CollectInterval time.Duration `env:"WORKER_COLLECT_INTERVAL" envDefault:"10m" doc:"How often files replaced more than WAREHOUSE_GRACE_PERIOD ago are deleted"`
	LakeInterval    time.Duration `env:"LAKE_INTERVAL" envDefault:"0s" doc:"How often the Iceberg tables of projects that want one are brought up to date, 1s to 1h. 0: there are none, and those that were published are withdrawn"`
	LakeLocation    string        `env:"LAKE_LOCATION" doc:"URL of WAREHOUSE_DIR, or of the bucket with its prefix, as the readers of Iceberg tables see it, such as file:///srv/warehouse. Empty: file:// with the folder's path, or s3:// with the bucket and its prefix"`
	OutboxRetention time.Duration `env:"OUTBOX_RETENTION" envDefault:"168h" doc:"How long loaded batches stay in the outbox; they are dropped by whole UTC days"`
}

// Validate reports everything that is wrong with the settings.
func (c *Config) Validate() error {
	var errs []error
	if c.Lease < time.Second {
		errs = append(errs, errors.New("WORKER_LEASE must be at least 1s"))
	}
	if c.PollInterval <= 0 || c.LoadInterval < 0 {
		errs = append(errs, errors.New("WORKER_POLL_INTERVAL must be positive, WORKER_LOAD_INTERVAL not negative"))
	}
	if c.LoadRows < 1 || c.LoadEvents < 1 || c.LoadBytes < 1 || c.SegmentEvents < 1 {
		errs = append(errs, errors.New("WORKER_LOAD_ROWS, WORKER_LOAD_EVENTS, WORKER_LOAD_BYTES and WORKER_SEGMENT_EVENTS must be positive"))
	}
	if c.UserCache < 1 {
		errs = append(errs, errors.New("WORKER_USER_CACHE must be positive"))
	}
	if c.MergeBytes < 1<<20 || c.MergeRollUps < 1<<20 {
		errs = append(errs, errors.New("WORKER_MERGE_BYTES and WORKER_MERGE_ROLLUP_BYTES must be at least 1048576"))
	}
	if c.CompactSegments < 4 {
		errs = append(errs, errors.New("WORKER_COMPACT_SEGMENTS must be at least 4: fewer may merge into as many again"))
	}
	if c.CollectInterval <= 0 {
		errs = append(errs, errors.New("WORKER_COLLECT_INTERVAL must be positive"))
	}
	if c.OutboxRetention < 24*time.Hour {
		errs = append(errs, errors.New("OUTBOX_RETENTION must be at least 24h"))
	}
	if c.LakeInterval != 0 && (c.LakeInterval < minLakeInterval || c.LakeInterval > maxLakeInterval) {
		errs = append(errs, fmt.Errorf("LAKE_INTERVAL must be 0, or %s to %s", minLakeInterval, maxLakeInterval))
	}
	if c.LakeLocation != "" && (len(c.LakeLocation) > maxLakeLocation || !lakeLocationPattern.MatchString(c.LakeLocation)) {
		errs = append(errs, fmt.Errorf("LAKE_LOCATION must be a URL such as s3://bucket/prefix, without a slash at its end, of at most %d characters", maxLakeLocation))
	}
	return errors.Join(errs...)
}

const (
	minLakeInterval, maxLakeInterval = time.Second, time.Hour
	maxLakeLocation                  = 500
)

var lakeLocationPattern = regexp.MustCompile(`^[a-z][a-z0-9+.-]*://[A-Za-z0-9/._~@=+-]*[A-Za-z0-9._~@=+-]$`)

// lakeLocation is where readers of tables find the files.
func (s *Service) lakeLocation() string {
	switch bucket := s.cfg.Warehouse.Bucket; {
	case s.cfg.LakeLocation != "":
		return s.cfg.LakeLocation
	case bucket.Used():
		return strings.TrimSuffix("s3://"+bucket.Name+"/"+bucket.Prefix, "/")
	}
	return "file://" + s.folder.Dir()
}

// Service is a worker, leading or standing by.
type Service struct {
	cfg    Config
	pool   *pgxpool.Pool
	keys   *userkey.Keys // remembered from one term to the next
	log    *zap.Logger
	server *server.Server
	tracer trace.Tracer
	name   string // of this process in the lease
	folder *segment.Folder

	gauges  gauges
	storage storageMetrics
	loads   *load.Metrics
	upkeep  *maintain.Metrics
	tables  *lake.Metrics
}

// New makes the service. It does not connect anywhere yet.
func New(cfg Config, deps boot.Deps) (*Service, error) {
	cfg.HTTP.DrainDelay = 0 // no gateway sends it requests; a standby waits to take over
	srv, err := server.New(cfg.HTTP, deps.Log, deps.Registry)
	if err != nil {
		return nil, err
	}
	srv.AddCheck("postgres", deps.Pool.Ping)
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("naming the worker: %w", err)
	}
	if err := segment.MakeFolders(cfg.Warehouse.Dir); err != nil {
		return nil, fmt.Errorf("making the warehouse folder: %w", err)
	}
	folder, err := objects.OpenFolder(context.Background(), cfg.Warehouse, deps.Registry)
	if err != nil {
		return nil, err
	}
	if folder.HasBucket() {
		srv.AddCheck("bucket", folder.Reach)
	}
	s := &Service{
		folder: folder,
		cfg:    cfg, pool: deps.Pool, keys: userkey.New(deps.Pool, cfg.UserCache), log: deps.Log, server: srv,
		tracer: otel.Tracer("eventanalytics/services/syncworker"), name: host + "/" + uuid.NewString(),
		gauges: newGauges(deps.Registry), storage: newStorageMetrics(cfg.Warehouse.Dir, deps.Registry),
		loads: load.NewMetrics(deps.Registry), upkeep: maintain.NewMetrics(deps.Registry),
		tables: lake.NewMetrics(deps.Registry),
	}
	return s, nil
}

// Server has the health and metrics routes.
func (s *Service) Server() *server.Server { return s.server }

// Close closes the folder.
func (s *Service) Close() error { return s.folder.Close() }

// Run leads or stands by until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.observe(ctx) })
	g.Go(func() error {
		for ctx.Err() == nil {
			term, err := lease.Acquire(ctx, s.pool, lease.Config{Leader: s.name, Duration: s.cfg.Lease}, s.log)
			if err != nil {
				return err
			}
			if term == nil {
				return nil
			}
			if err := s.lead(ctx, term); err != nil && ctx.Err() == nil {
				s.log.Warn("leading ended; standing by", zap.Int64(logging.Epoch, term.Epoch()), zap.Error(err))
				clock.Pause(ctx, s.cfg.PollInterval)
			}
		}
		return nil
	})
	return g.Wait()
}

// lead works as the leader until ctx ends, the lease is lost or something fails
// again and again. It then gives the lease back.
func (s *Service) lead(ctx context.Context, term *lease.Term) (err error) {
	s.gauges.leader.Set(1)
	defer s.gauges.leader.Set(0)
	defer term.End(ctx)
	l, err := s.newLeader(term)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.builder.Close()) }()
	s.log.Info("leading", zap.Int64(logging.Epoch, term.Epoch()))

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return term.Keep(ctx) })
	g.Go(func() error { return l.loader.Run(ctx) })
	g.Go(func() error { return l.maintenance.CompactEarly(ctx) })
	g.Go(func() error { return l.maintenance.Maintain(ctx) })
	g.Go(func() error { return l.maintenance.ReapStalled(ctx) })
	g.Go(func() error { return l.maintenance.CollectNames(ctx) })
	g.Go(func() error { return l.publisher.Run(ctx) })
	return g.Wait()
}

// leader is what works during a term.
type leader struct {
	builder     *duckdb.Builder
	loader      *load.Loader
	maintenance *maintain.Maintenance
	publisher   *lake.Publisher
}

// newLeader makes what works during a term. Close its builder at the end.
func (s *Service) newLeader(term *lease.Term) (*leader, error) {
	builder, err := duckdb.NewBuilderIn(s.cfg.Warehouse, s.folder, fields.New(s.pool).Of)
	if err != nil {
		return nil, err
	}
	maintenance := maintain.New(maintain.Config{
		GracePeriod: s.cfg.Warehouse.GracePeriod, CollectInterval: s.cfg.CollectInterval,
		OutboxRetention: s.cfg.OutboxRetention, Policy: manifest.Policy{
			Target: s.cfg.SegmentEvents, Segments: s.cfg.CompactSegments, RawBytes: s.cfg.MergeBytes, RollUpBytes: s.cfg.MergeRollUps,
		},
	}, maintain.Deps{
		Pool: s.pool, Term: term, Folder: s.folder, Builder: builder, Keys: s.keys, Log: s.log, Tracer: s.tracer, Metrics: s.upkeep,
	})
	loader := load.New(load.Config{
		Bounds: outbox.Bounds{Rows: s.cfg.LoadRows, Events: s.cfg.LoadEvents, Bytes: s.cfg.LoadBytes}, Interval: s.cfg.LoadInterval, Poll: s.cfg.PollInterval,
	}, load.Deps{
		Pool: s.pool, Term: term, Writer: builder, Keys: s.keys, Loaded: maintenance.Loaded, Log: s.log, Tracer: s.tracer, Metrics: s.loads,
	})
	publisher := lake.New(lake.Config{
		Interval: s.cfg.LakeInterval, Location: s.lakeLocation(), Keep: s.cfg.Warehouse.GracePeriod / 2,
		GracePeriod: s.cfg.Warehouse.GracePeriod, SweepInterval: s.cfg.CollectInterval,
	}, lake.Deps{Pool: s.pool, Term: term, Folder: s.folder, Log: s.log, Metrics: s.tables})
	return &leader{builder, loader, maintenance, publisher}, nil
}
