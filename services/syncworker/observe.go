package syncworker

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.uber.org/zap"

	"eventanalytics/pkg/clock"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/warehouse/manifest"
)

// gauges show the hand-off from the outbox to the warehouse.
type gauges struct {
	leader, lagRows, lagSeconds, incomplete prometheus.Gauge
	segments, transactionAge, partitions    prometheus.Gauge
	held, small, unfinished                 prometheus.Gauge
}

func newGauges(registry prometheus.Registerer) gauges {
	f := promauto.With(registry)
	gauge := func(name, help string) prometheus.Gauge {
		return f.NewGauge(prometheus.GaugeOpts{Name: "analytics_sync_" + name, Help: help})
	}
	return gauges{
		leader:         gauge("leader", "1 while this worker leads, else 0."),
		lagRows:        gauge("outbox_lag_rows", "Outbox rows not loaded yet, counted up to 10,000."),
		lagSeconds:     gauge("outbox_lag_seconds", "Age of the oldest outbox row not loaded yet."),
		incomplete:     gauge("incomplete_seconds", "How long ago the instant lies until which all acknowledged events are loaded."),
		segments:       gauge("live_segments", "Segments in the manifest."),
		transactionAge: gauge("oldest_transaction_seconds", "Age of the oldest open write transaction of the cluster; it holds loading back."),
		partitions:     gauge("outbox_partitions_ahead", "Daily partitions that the outbox has beyond today; below 7 something is wrong, at 0 ingest stops at midnight, UTC."),
		held:           gauge("collection_held_seconds", "Seconds until the hold on garbage collection ends, 0 when there is none."),
		small:          gauge("unmerged_segments", "Segments of loads that were not merged yet, of the project with the most."),
		unfinished:     gauge("unfinished_rewrites", "Merges and upgrades of segments that were begun by an earlier leader and never ended; these segments are passed over for a while."),
	}
}

const (
	observeEvery = 5 * time.Second
	maxLagRows   = 10_000
)

const handOffSQL = `
SELECT coalesce((SELECT extract(epoch FROM clock_timestamp() - o.created_at)::float8 FROM analytics.outbox AS o
                 WHERE (o.xid, o.seq) > ($1::text::xid8, $2::bigint) ORDER BY o.xid, o.seq LIMIT 1), 0),
       coalesce((SELECT max(extract(epoch FROM clock_timestamp() - a.xact_start)) FROM pg_catalog.pg_stat_activity AS a
                 WHERE a.backend_xid IS NOT NULL), 0)::float8,
       coalesce((SELECT max(to_date(right(c.relname, 8), 'YYYYMMDD')) - (clock_timestamp() AT TIME ZONE 'UTC')::date
                 FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
                 WHERE i.inhparent = 'analytics.outbox'::regclass), 0)::float8`

// observe keeps the gauges current, leading or not: with no leader they matter
// most.
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
	o, err := manifest.Observe(ctx, s.pool)
	if err != nil {
		return err
	}
	var lag, transaction, partitions float64
	err = s.pool.QueryRow(ctx, handOffSQL, strconv.FormatUint(o.Position.XID, 10), o.Position.Seq).Scan(&lag, &transaction, &partitions)
	if err != nil {
		return fmt.Errorf("measuring the outbox: %w", err)
	}
	rows, err := outbox.Lag(ctx, s.pool, o.Position, maxLagRows)
	if err != nil {
		return err
	}
	s.gauges.lagRows.Set(float64(rows))
	s.gauges.lagSeconds.Set(lag)
	s.gauges.incomplete.Set(o.Incomplete)
	s.gauges.segments.Set(float64(o.Segments))
	s.gauges.transactionAge.Set(transaction)
	s.gauges.partitions.Set(partitions)
	s.gauges.held.Set(o.Held)
	s.gauges.small.Set(o.Unmerged)
	s.gauges.unfinished.Set(float64(o.Unfinished))
	return s.storage.observe(ctx, s.pool)
}
