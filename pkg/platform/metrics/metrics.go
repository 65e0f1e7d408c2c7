// Package metrics creates the registry that a service exposes at /metrics.
package metrics

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"eventanalytics/pkg/platform/build"
)

// Prefix of the names of all our metrics.
const Prefix = "analytics_"

// Registry collects a service's metrics and exposes them.
type Registry interface {
	prometheus.Registerer
	prometheus.Gatherer
}

// NewRegistry returns a registry with the metrics of the process.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	RegisterProcess(r)
	return r
}

// RegisterProcess registers the metrics every process has: the Go runtime's
// (go_*), the operating system's (process_*) and the build's.
func RegisterProcess(r prometheus.Registerer) {
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	version, commit := build.Info()
	promauto.With(r).NewGaugeVec(prometheus.GaugeOpts{
		Name: Prefix + "build_info", Help: "Always 1; the labels identify the build.",
	}, []string{"version", "revision", "goversion"}).WithLabelValues(version, commit, runtime.Version()).Set(1)
}
