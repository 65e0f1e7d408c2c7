package intake

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	accepted, duplicates, rejected prometheus.Counter
	batchEvents                    prometheus.Histogram
	keysDropped                    prometheus.Counter
}

func newMetrics(registry prometheus.Registerer) metrics {
	f := promauto.With(registry)
	events := f.NewCounterVec(prometheus.CounterOpts{
		Name: "analytics_ingest_events_total", Help: "Events answered, by what became of them.",
	}, []string{"result"})
	return metrics{
		accepted:   events.WithLabelValues("accepted"),
		duplicates: events.WithLabelValues("duplicate"),
		rejected:   events.WithLabelValues("rejected"),
		keysDropped: f.NewCounter(prometheus.CounterOpts{
			Name: "analytics_ingest_idempotency_keys_dropped_total", Help: "Answers to idempotency keys dropped before their time because their project kept too many.",
		}),
		batchEvents: f.NewHistogram(prometheus.HistogramOpts{
			Name: "analytics_ingest_batch_events", Help: "Events per stored request.",
			Buckets: prometheus.ExponentialBuckets(1, 10, 7),
		}),
	}
}
