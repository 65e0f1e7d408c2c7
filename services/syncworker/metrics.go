package syncworker

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.uber.org/zap"

	"eventanalytics/pkg/clock"
	"eventanalytics/pkg/outbox"
)

type syncMetrics struct {
	leader, lagRows, lagSeconds, incomplete prometheus.Gauge
	segments, transactionAge, partitions    prometheus.Gauge
	held, small                             prometheus.Gauge
	events, written, deadLetters, compacted prometheus.Counter
	loads, compactions                      prometheus.Histogram
	collected                               *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer) syncMetrics {
	f := promauto.With(registry)
	gauge := func(name, help string) prometheus.Gauge {
		return f.NewGauge(prometheus.GaugeOpts{Name: "analytics_sync_" + name, Help: help})
	}
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: "analytics_sync_" + name, Help: help})
	}
	histogram := func(name, help string) prometheus.Histogram {
		return f.NewHistogram(prometheus.HistogramOpts{
			Name: "analytics_sync_" + name, Help: help, Buckets: prometheus.ExponentialBuckets(0.01, 2, 13),
		})
	}
	return syncMetrics{
		leader:         gauge("leader", "1 while this worker leads, else 0."),
		lagRows:        gauge("outbox_lag_rows", "Outbox rows not loaded yet, counted up to 10,000."),
		lagSeconds:     gauge("outbox_lag_seconds", "Age of the oldest outbox row not loaded yet."),
		incomplete:     gauge("incomplete_seconds", "How long ago the instant lies until which all acknowledged events are loaded."),
		segments:       gauge("live_segments", "Segments in the manifest."),
		transactionAge: gauge("oldest_transaction_seconds", "Age of the oldest open write transaction of the cluster; it holds loading back."),
		partitions:     gauge("outbox_partitions_ahead", "Daily partitions that the outbox has beyond today; below 7 something is wrong, at 0 ingest stops at midnight, UTC."),
		held:           gauge("collection_held_seconds", "Seconds until the hold on garbage collection ends, 0 when there is none."),
		events:         counter("events_total", "Events loaded."),
		written:        counter("segments_total", "Segments written by loads."),
		deadLetters:    counter("dead_letters_total", "Pieces of the outbox that could not be loaded."),
		compacted:      counter("compacted_events_total", "Events that compaction wrote anew; divided by analytics_sync_events_total it is how often each is written beside its load."),
		small:          gauge("unmerged_segments", "Segments of loads that were not merged yet, of the project with the most."),
		loads:          histogram("load_seconds", "Time of one load, from the outbox to the manifest."),
		compactions:    histogram("compaction_seconds", "Time of one compaction."),
		collected: f.NewCounterVec(prometheus.CounterOpts{
			Name: "analytics_sync_collected_files_total", Help: "Files that garbage collection deleted, by what they were.",
		}, []string{"kind"}),
	}
}

func (m *syncMetrics) loaded(b written, took time.Duration) {
	m.events.Add(float64(b.events))
	m.written.Add(float64(len(b.segments)))
	m.deadLetters.Add(float64(len(b.dead)))
	m.loads.Observe(took.Seconds())
}

const (
	observeEvery = 5 * time.Second
	maxLagRows   = 10_000
)

const observeSQL = `
SELECT s.incarnation, s.xid::text::bigint, s.seq,
       coalesce((SELECT extract(epoch FROM clock_timestamp() - o.created_at)::float8 FROM analytics.outbox AS o
                 WHERE (o.xid, o.seq) > (s.xid, s.seq) ORDER BY o.xid, o.seq LIMIT 1), 0),
       extract(epoch FROM clock_timestamp() - s.complete_until)::float8,
       (SELECT count(*) FROM analytics.segments WHERE replaced_at IS NULL),
       coalesce((SELECT max(extract(epoch FROM clock_timestamp() - a.xact_start)) FROM pg_catalog.pg_stat_activity AS a
                 WHERE a.backend_xid IS NOT NULL), 0)::float8,
       coalesce((SELECT max(to_date(right(c.relname, 8), 'YYYYMMDD')) - (clock_timestamp() AT TIME ZONE 'UTC')::date
                 FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
                 WHERE i.inhparent = 'analytics.outbox'::regclass), 0)::float8,
       greatest(extract(epoch FROM s.hold_until - clock_timestamp()), 0)::float8,
       coalesce((SELECT max(n) FROM (SELECT count(*) AS n FROM analytics.segments
                 WHERE replaced_at IS NULL AND level = 0 GROUP BY project_id) AS unmerged), 0)::float8
FROM analytics.sync_state AS s`

// observe keeps the gauges of the hand-off current, leading or not: with no
// leader they matter most.
func (s *Service) observe(ctx context.Context) error {
	for {
		if err := s.observeOnce(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("measuring the lag; trying again", zap.Error(err))
		}
		if !clock.Pause(ctx, observeEvery) {
			return nil
		}
	}
}

func (s *Service) observeOnce(ctx context.Context) error {
	var p outbox.Position
	var xid, segments int64
	var lag, incomplete, transaction, partitions, held, small float64
	err := s.pool.QueryRow(ctx, observeSQL).Scan(&p.Incarnation, &xid, &p.Seq, &lag, &incomplete, &segments, &transaction, &partitions, &held, &small)
	if err != nil {
		return fmt.Errorf("reading the sync state: %w", err)
	}
	p.XID = uint64(xid)
	rows, err := outbox.Lag(ctx, s.pool, p, maxLagRows)
	if err != nil {
		return err
	}
	s.metrics.lagRows.Set(float64(rows))
	s.metrics.lagSeconds.Set(lag)
	s.metrics.incomplete.Set(incomplete)
	s.metrics.segments.Set(float64(segments))
	s.metrics.transactionAge.Set(transaction)
	s.metrics.partitions.Set(partitions)
	s.metrics.held.Set(held)
	s.metrics.small.Set(small)
	return s.observeStorage(ctx)
}
