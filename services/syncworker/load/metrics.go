package load

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics count loads.
type Metrics struct {
	events, segments, deadLetters prometheus.Counter
	seconds                       prometheus.Histogram
}

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	f := promauto.With(registry)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: "analytics_sync_" + name, Help: help})
	}
	return &Metrics{
		events:      counter("events_total", "Events loaded."),
		segments:    counter("segments_total", "Segments written by loads."),
		deadLetters: counter("dead_letters_total", "Pieces of the outbox that could not be loaded."),
		seconds: f.NewHistogram(prometheus.HistogramOpts{
			Name: "analytics_sync_load_seconds", Help: "Time of one load, from the outbox to the manifest.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 13),
		}),
	}
}

func (m *Metrics) loaded(w written, took time.Duration) {
	m.events.Add(float64(w.events))
	m.segments.Add(float64(len(w.segments)))
	m.deadLetters.Add(float64(len(w.dead)))
	m.seconds.Observe(took.Seconds())
}
