package maintain

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics count what the maintenance did.
type Metrics struct {
	compacted   prometheus.Counter
	compactions prometheus.Histogram
	collected   *prometheus.CounterVec
}

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	f := promauto.With(registry)
	return &Metrics{
		compacted: f.NewCounter(prometheus.CounterOpts{
			Name: "analytics_sync_compacted_events_total",
			Help: "Events rewritten by compaction; divided by analytics_sync_events_total, how often each is written in addition to its load.",
		}),
		compactions: f.NewHistogram(prometheus.HistogramOpts{
			Name: "analytics_sync_compaction_seconds", Help: "Time of one compaction.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 13),
		}),
		collected: f.NewCounterVec(prometheus.CounterOpts{
			Name: "analytics_sync_collected_files_total", Help: "Files that garbage collection deleted, by what they were.",
		}, []string{"kind"}),
	}
}
