package load

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"eventanalytics/pkg/identity/links"
	"eventanalytics/pkg/traits/traitlog"
)

// Metrics count loads.
type Metrics struct {
	events, segments, deadLetters prometheus.Counter
	links, traits                 *prometheus.CounterVec
	seconds                       prometheus.Histogram
}

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	f := promauto.With(registry)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: "analytics_sync_" + name, Help: help})
	}
	m := &Metrics{
		events:      counter("events_total", "Events loaded."),
		segments:    counter("segments_total", "Segments written by loads."),
		deadLetters: counter("dead_letters_total", "Pieces of the outbox that could not be loaded."),
		links: f.NewCounterVec(prometheus.CounterOpts{
			Name: "analytics_sync_links_total", Help: "Links between ids, by what became of them: made, taken_back or refused.",
		}, []string{"result"}),
		traits: f.NewCounterVec(prometheus.CounterOpts{
			Name: "analytics_sync_property_changes_total",
			Help: "Changes of properties of users and groups by SDKs: changed, same (without an effect), or dropped, which counts each property that is beyond a bound.",
		}, []string{"result"}),
		seconds: f.NewHistogram(prometheus.HistogramOpts{
			Name: "analytics_sync_load_seconds", Help: "Time of one load, from the outbox to the manifest.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 13),
		}),
	}
	m.linked(links.Applied{}) // so that each result is there from the start
	return m
}

func (m *Metrics) loaded(w written, took time.Duration) {
	m.events.Add(float64(w.events))
	m.segments.Add(float64(len(w.segments)))
	m.deadLetters.Add(float64(len(w.dead)))
	m.seconds.Observe(took.Seconds())
}

func (m *Metrics) linked(a links.Applied) {
	m.links.WithLabelValues("made").Add(float64(a.Linked))
	m.links.WithLabelValues("taken_back").Add(float64(a.Unlinked))
	m.links.WithLabelValues("refused").Add(float64(a.Refused))
}

func (m *Metrics) changed(a traitlog.Applied) {
	m.traits.WithLabelValues("changed").Add(float64(a.Changed))
	m.traits.WithLabelValues("same").Add(float64(a.Same))
	m.traits.WithLabelValues("dropped").Add(float64(a.Dropped))
}
