package clickhouse

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"eventanalytics/pkg/warehouse/turns"
	"eventanalytics/services/stats/engine"
)

// Metrics of all that is asked of ClickHouse.
type Metrics struct {
	scans   *prometheus.CounterVec
	resting prometheus.Gauge
}

// outcomes are what becomes of scans.
var outcomes = []struct {
	err  error
	name string
}{
	{errInexact, "inexact"},
	{errResting, "resting"},
	{errUnavailable, "unavailable"},
	{errRefused, "refused"},
	{engine.ErrUnsupported, "unsupported"},
	{turns.ErrBusy, "busy"},
	{ErrTimeout, "time"},
	{ErrMemory, "memory"},
	{engine.ErrTooLarge, "length"},
	{engine.ErrTooManyRows, "length"},
}

const (
	served = "served"
	failed = "failed"
)

// NewMetrics registers them.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	f := promauto.With(registry)
	m := &Metrics{
		scans: f.NewCounterVec(prometheus.CounterOpts{
			Name: "analytics_stats_engine_scans_total",
			Help: "Scans large enough for ClickHouse (ENGINE_URL), by what became of them: served; left to DuckDB because ClickHouse does not know them (unsupported), because an event has what it does not read exactly (inexact), because it cannot be asked (unavailable) or could not a moment ago (resting), or because it does not run the statement (refused); refused for their time, memory or length, or because too many ran (busy); failed.",
		}, []string{"outcome"}),
		resting: f.NewGauge(prometheus.GaugeOpts{
			Name: "analytics_stats_engine_resting_servers", Help: "ClickHouse servers that are not asked because they failed: 0 or 1.",
		}),
	}
	for _, o := range outcomes {
		m.scans.WithLabelValues(o.name)
	}
	m.scans.WithLabelValues(served)
	m.scans.WithLabelValues(failed)
	return m
}

// count counts a scan by its error, which it returns.
func (s *Server) count(err error) error {
	name := failed
	if err == nil {
		name = served
	}
	for _, o := range outcomes {
		if errors.Is(err, o.err) {
			name = o.name
			break
		}
	}
	s.metrics.scans.WithLabelValues(name).Inc()
	return err
}
