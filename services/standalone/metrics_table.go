package standalone

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"eventanalytics/pkg/platform/metrics"
)

// WriteMetrics writes the table of the services' own metrics, from the code that
// registers them, into a Markdown file between its markers.
func WriteMetrics(ctx context.Context, path string) error {
	table, err := metricsTable(ctx)
	if err != nil {
		return err
	}
	return writeTable(path, "metrics", table)
}

func metricsTable(ctx context.Context) (string, error) {
	d, err := describe(ctx)
	if err != nil {
		return "", err
	}
	defer d.close()
	families := map[string]*dto.MetricFamily{}
	services := map[string][]string{} // by metric
	for _, service := range slices.Sorted(maps.Keys(d.registries)) {
		registry := d.registries[service]
		metrics.RegisterProcess(registry)
		gathered, err := registry.Gather()
		if err != nil {
			return "", fmt.Errorf("describing the metrics of %s: %w", service, err)
		}
		for _, family := range gathered {
			if strings.HasPrefix(family.GetName(), metrics.Prefix) {
				families[family.GetName()] = family
				services[family.GetName()] = append(services[family.GetName()], service)
			}
		}
	}
	var b strings.Builder
	b.WriteString("| Metric | Type | Labels | Unit | Service | What it is |\n|---|---|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(families)) {
		family, of := families[name], strings.Join(services[name], ", ")
		if len(services[name]) == len(d.registries) {
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

// unit is what the name says last, _total aside.
func unit(name string) string {
	words := strings.Split(strings.TrimSuffix(name, "_total"), "_")
	switch last := words[len(words)-1]; last {
	case "seconds", "bytes":
		return last
	}
	return ""
}

// recorder is a registry in which each metric has a sample, so that it can be
// described: vectors would have none before they are used.
type recorder struct{ *prometheus.Registry }

// MustRegister is what promauto calls.
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

// maxLabels that a metric may have.
const maxLabels = 8

// sample makes a sample with empty labels; how many there are must be tried.
func sample[M any](get func(...string) (M, error)) {
	for n := range maxLabels {
		if _, err := get(make([]string, n)...); err == nil {
			return
		}
	}
}
