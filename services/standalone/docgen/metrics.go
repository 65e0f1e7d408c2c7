package docgen

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"eventanalytics/pkg/platform/metrics"
	"eventanalytics/pkg/platform/server"
)

// metricsTable has the services' own metrics, from the code that registers them.
func metricsTable(described []described) (string, error) {
	families := map[string]*dto.MetricFamily{}
	services := map[string][]string{} // by metric
	for _, s := range described {
		metrics.RegisterProcess(s.registry)
		gathered, err := s.registry.Gather()
		if err != nil {
			return "", fmt.Errorf("describing the metrics of %s: %w", s.name, err)
		}
		for _, family := range gathered {
			if strings.HasPrefix(family.GetName(), metrics.Prefix) {
				families[family.GetName()] = family
				services[family.GetName()] = append(services[family.GetName()], s.name)
			}
		}
	}
	front := recorder{prometheus.NewRegistry()}
	server.LimitConnections(nil, server.ConnectionConfig{}, front)
	gathered, err := front.Gather()
	if err != nil {
		return "", fmt.Errorf("describing the metrics of the gateway: %w", err)
	}
	for _, family := range gathered {
		families[family.GetName()] = family
		services[family.GetName()] = []string{"standalone"}
	}
	var b strings.Builder
	b.WriteString("| Metric | Type | Labels | Unit | Service | What it is |\n|---|---|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(families)) {
		family, of := families[name], strings.Join(services[name], ", ")
		if len(services[name]) == len(described) {
			of = "all"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", name, strings.ToLower(family.GetType().String()),
			labels(family), unit(name), of, strings.ReplaceAll(family.GetHelp(), "|", `\|`))
	}
	return b.String(), nil
}

func labels(family *dto.MetricFamily) string {
	var names []string
	for _, l := range family.Metric[0].Label {
		names = append(names, "`"+l.GetName()+"`")
	}
	return strings.Join(names, ", ")
}

// unit is the last word of the name, ignoring _total.
func unit(name string) string {
	words := strings.Split(strings.TrimSuffix(name, "_total"), "_")
	switch last := words[len(words)-1]; last {
	case "seconds", "bytes":
		return last
	}
	return ""
}

// recorder is a registry that gives each metric a sample, so that it can be
// described: vectors have none before they are used.
type recorder struct{ *prometheus.Registry }

// MustRegister is called by promauto.
func (r recorder) MustRegister(all ...prometheus.Collector) {
	r.Registry.MustRegister(all...)
	for _, c := range all {
		switch v := c.(type) {
		case *prometheus.CounterVec:
			sample(v.GetMetricWithLabelValues)
		case *prometheus.GaugeVec:
			sample(v.GetMetricWithLabelValues)
		case *prometheus.HistogramVec:
			sample(v.GetMetricWithLabelValues)
		}
	}
}

// maxLabels exceeds the number of labels of any metric.
const maxLabels = 8

// sample creates a sample with empty labels; their number is found by trying.
func sample[M any](get func(...string) (M, error)) {
	for n := range maxLabels {
		if _, err := get(make([]string, n)...); err == nil {
			return
		}
	}
}
