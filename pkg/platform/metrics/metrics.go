// Package metrics makes the registry that a service shows at /metrics.
package metrics

import (
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Prefix of the names of all metrics of ours.
const Prefix = "analytics_"

// Registry takes a service's metrics and gives them out.
type Registry interface {
	prometheus.Registerer
	prometheus.Gatherer
}

// NewRegistry makes a registry with the metrics of the process.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	RegisterProcess(r)
	return r
}

// RegisterProcess registers the metrics every process has: the Go runtime's
// (go_*), the operating system's (process_*) and the build's.
func RegisterProcess(r prometheus.Registerer) {
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	version, revision := build()
	promauto.With(r).NewGaugeVec(prometheus.GaugeOpts{
		Name: Prefix + "build_info", Help: "Always 1; the labels say what runs.",
	}, []string{"version", "revision", "goversion"}).WithLabelValues(version, revision, runtime.Version()).Set(1)
}

// build returns the main module's version and the commit, as far as the
// toolchain noted them.
func build() (version, revision string) {
	version, revision = "unknown", "unknown"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, revision
	}
	if info.Main.Version != "" {
		version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	return version, revision
}
