package syncworker

import (
	"context"
	"fmt"
	"math"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/sys/unix"

	"eventanalytics/pkg/outbox"
)

// storageMetrics reports the disk and database space that can run out.
type storageMetrics struct{ database, deadLetters, observed prometheus.Gauge }

// newStorageMetrics measures the file system of the warehouse folder with each
// scrape, and Postgres when observe is called.
func newStorageMetrics(dir string, registry prometheus.Registerer) storageMetrics {
	f := promauto.With(registry)
	gauge := func(name, help string) prometheus.Gauge {
		return f.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	disk := func(name, help string, blocks func(*unix.Statfs_t) uint64) {
		f.NewGaugeFunc(prometheus.GaugeOpts{Name: "analytics_warehouse_disk_" + name, Help: help}, func() float64 {
			var fs unix.Statfs_t
			if err := unix.Statfs(dir, &fs); err != nil {
				return math.NaN()
			}
			return float64(blocks(&fs)) * float64(fs.Bsize)
		})
	}
	disk("free_bytes", "Space that is free for the worker in the file system of the warehouse folder.",
		func(fs *unix.Statfs_t) uint64 { return fs.Bavail })
	disk("size_bytes", "Size of the file system of the warehouse folder.",
		func(fs *unix.Statfs_t) uint64 { return fs.Blocks })
	return storageMetrics{
		database:    gauge("analytics_postgres_database_bytes", "Size of the database."),
		deadLetters: gauge("analytics_sync_dead_letter_rows", "Pieces of the outbox that could not be loaded and wait in analytics.dead_letters."),
		observed:    gauge("analytics_sync_observed_timestamp_seconds", "When this worker last measured the hand-off; the gauges of the outbox, the segments and Postgres are of then."),
	}
}

const storageSQL = "SELECT pg_database_size(current_database()), (SELECT count(*) FROM analytics.dead_letters)"

// observe is the last part of an observation.
func (m storageMetrics) observe(ctx context.Context, db outbox.Querier) error {
	var bytes, deadLetters int64
	if err := db.QueryRow(ctx, storageSQL).Scan(&bytes, &deadLetters); err != nil {
		return fmt.Errorf("measuring the database: %w", err)
	}
	m.database.Set(float64(bytes))
	m.deadLetters.Set(float64(deadLetters))
	m.observed.SetToCurrentTime()
	return nil
}
