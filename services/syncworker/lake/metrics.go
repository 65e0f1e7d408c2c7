package lake

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"eventanalytics/pkg/clock"
)

// Metrics show how far behind the published tables are.
type Metrics struct {
	tables, waiting     prometheus.Gauge
	commits             prometheus.Histogram
	failures, collected prometheus.Counter
	// oldest is when the table that is furthest behind was up to date, in nanoseconds since
	// 1970; 0 for no table.
	oldest atomic.Int64
}

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	f := promauto.With(registry)
	gauge := func(name, help string) prometheus.Gauge {
		return f.NewGauge(prometheus.GaugeOpts{Name: "analytics_lake_" + name, Help: help})
	}
	m := &Metrics{
		tables:  gauge("wanted_tables", "Projects that want an Iceberg table."),
		waiting: gauge("waiting_tables", "Tables that are not published until old segments have field ids."),
		commits: f.NewHistogram(prometheus.HistogramOpts{
			Name: "analytics_lake_commit_seconds", Help: "Time of publishing one version of a table.",
			Buckets: prometheus.ExponentialBuckets(0.002, 2, 15),
		}),
		failures:  f.NewCounter(prometheus.CounterOpts{Name: "analytics_lake_failures_total", Help: "Attempts to publish a table that failed."}),
		collected: f.NewCounter(prometheus.CounterOpts{Name: "analytics_lake_collected_files_total", Help: "Files of tables' metadata that were deleted."}),
	}
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "analytics_lake_age_seconds", Help: "How long ago the table that is furthest behind was equal to the manifest, at most since this worker leads; 0 where none is wanted.",
	}, func() float64 {
		if oldest := m.oldest.Load(); oldest > 0 {
			return clock.Now().Sub(time.Unix(0, oldest)).Seconds()
		}
		return 0
	})
	return m
}

func (m *Metrics) round(fresh map[int64]time.Time, now time.Time, waiting int) {
	oldest := now
	for _, at := range fresh {
		if at.Before(oldest) {
			oldest = at
		}
	}
	m.tables.Set(float64(len(fresh)))
	m.waiting.Set(float64(waiting))
	m.oldest.Store(0)
	if len(fresh) > 0 {
		m.oldest.Store(oldest.UnixNano())
	}
}

// clear is for the end of a term.
func (m *Metrics) clear() {
	m.tables.Set(0)
	m.waiting.Set(0)
	m.oldest.Store(0)
}
