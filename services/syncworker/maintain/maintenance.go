// Package maintain keeps the warehouse small and the disks from filling up while a
// worker leads: it merges small segments, rewrites old ones, deletes what no reader
// needs any more, drops old days of the outbox and ends uploads that are stuck.
package maintain

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"eventanalytics/pkg/clock"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/syncworker/lease"
	"eventanalytics/services/syncworker/userkey"
)

const (
	// compactEvery bounds how long compaction waits behind a backlog.
	compactEvery = 5 * time.Second
	dropEvery    = time.Hour
	reapEvery    = 10 * time.Second
)

// Config of the maintenance.
type Config struct {
	// GracePeriod is how long files outlive their last mention in the manifest.
	GracePeriod time.Duration
	// Policy says when segments are merged.
	Policy manifest.Policy
	// CollectInterval is how often garbage is collected.
	CollectInterval time.Duration
	// OutboxRetention is how long loaded batches stay in the outbox.
	OutboxRetention time.Duration
}

// Deps are what the maintenance needs.
type Deps struct {
	Pool    *pgxpool.Pool
	Term    *lease.Term
	Folder  *segment.Folder
	Builder *duckdb.Builder
	Keys    *userkey.Keys
	Log     *zap.Logger
	Tracer  trace.Tracer
	Metrics *Metrics
}

// Maintenance runs its jobs during one term.
type Maintenance struct {
	Compactor  *Compactor
	Upgrader   *Upgrader
	Collector  *Collector
	Partitions *Partitions
	Uploads    *Uploads
	Names      *Names

	term         *lease.Term
	collectEvery time.Duration
	// loaded and compactable have a token when there may be work for the early and
	// the main lane of compaction.
	loaded, compactable chan struct{}
}

// New makes the maintenance of a term.
func New(cfg Config, deps Deps) *Maintenance {
	compactable := make(chan struct{}, 1)
	damage := &damage{folder: deps.Folder}
	m := &Maintenance{
		Compactor: &Compactor{
			policy: cfg.Policy, pool: deps.Pool, term: deps.Term, builder: deps.Builder, damage: damage,
			merged: func() { signal(compactable) }, metrics: deps.Metrics, tracer: deps.Tracer, log: deps.Log,
		},
		Upgrader: &Upgrader{pool: deps.Pool, term: deps.Term, builder: deps.Builder, keys: deps.Keys, damage: damage, log: deps.Log},
		Collector: &Collector{
			folder: deps.Folder, spill: deps.Builder.Spill(), grace: cfg.GracePeriod,
			pool: deps.Pool, term: deps.Term, metrics: deps.Metrics, log: deps.Log,
		},
		Partitions: &Partitions{retention: cfg.OutboxRetention, pool: deps.Pool, log: deps.Log},
		Uploads:    &Uploads{pool: deps.Pool, log: deps.Log},
		Names:      &Names{pool: deps.Pool, term: deps.Term, builder: deps.Builder, log: deps.Log},
		term:       deps.Term, collectEvery: cfg.CollectInterval,
		loaded: make(chan struct{}, 1), compactable: compactable,
	}
	m.Upgrader.between = m.compactWaiting
	return m
}

// Loaded says that there are new segments.
func (m *Maintenance) Loaded() {
	signal(m.loaded)
	signal(m.compactable)
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// CompactEarly runs the early lane of compaction until ctx ends. Like all loops
// here it returns manifest.ErrFenced when another worker leads; other failures are
// logged and their job is tried again later.
func (m *Maintenance) CompactEarly(ctx context.Context) error {
	every := time.NewTicker(compactEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-m.loaded:
		case <-every.C:
		}
		if err := m.term.RetryLater(ctx, "compacting small loads", m.compact(manifest.EarlyLane)); err != nil {
			return err
		}
	}
}

// Maintain runs the main lane of compaction, collects garbage and drops old outbox
// partitions, one after the other, until ctx ends. Loads continue while it works.
func (m *Maintenance) Maintain(ctx context.Context) error {
	compact, collect, drop := time.NewTicker(compactEvery), time.NewTicker(m.collectEvery), time.NewTicker(dropEvery)
	defer compact.Stop()
	defer collect.Stop()
	defer drop.Stop()
	compaction := m.compact(manifest.MainLane)
	err := errors.Join(
		m.term.RetryLater(ctx, "upgrading old segments", m.Upgrader.Upgrade),
		m.term.RetryLater(ctx, "collecting garbage", m.Collector.Collect),
		m.term.RetryLater(ctx, "dropping old outbox partitions", m.Partitions.Drop))
	for err == nil {
		select {
		case <-ctx.Done():
			return nil
		case <-m.compactable:
			err = m.term.RetryLater(ctx, "compacting", compaction)
		case <-compact.C:
			err = m.term.RetryLater(ctx, "compacting", compaction)
		case <-collect.C:
			err = errors.Join(
				m.term.RetryLater(ctx, "upgrading old segments", m.Upgrader.Upgrade), // what failed before
				m.term.RetryLater(ctx, "collecting garbage", m.Collector.Collect))
		case <-drop.C:
			err = m.term.RetryLater(ctx, "dropping old outbox partitions", m.Partitions.Drop)
		}
	}
	return err
}

// compactWaiting runs the main lane of compaction if there may be work for it.
func (m *Maintenance) compactWaiting(ctx context.Context) error {
	select {
	case <-m.compactable:
		return m.term.RetryLater(ctx, "compacting", m.compact(manifest.MainLane))
	default:
		return nil
	}
}

// ReapStalled ends uploads that hold up the loads, until ctx ends.
func (m *Maintenance) ReapStalled(ctx context.Context) error {
	for clock.Pause(ctx, reapEvery) {
		if err := m.term.RetryLater(ctx, "ending stalled uploads", m.reap); err != nil {
			return err
		}
	}
	return nil
}

// CollectNames counts the names of projects that are older than the bounds on them,
// until ctx ends. Reading all segments takes a while, so nothing else waits for it.
func (m *Maintenance) CollectNames(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := m.term.RetryLater(ctx, "counting names", m.Names.Collect); err != nil {
			return err
		}
		clock.Pause(ctx, collectNamesEvery)
	}
	return nil
}

func (m *Maintenance) reap(ctx context.Context) error { return m.Uploads.EndStalled(ctx, uploadLimit) }

func (m *Maintenance) compact(lane manifest.Lane) func(context.Context) error {
	return func(ctx context.Context) error { return m.Compactor.Compact(ctx, lane) }
}
