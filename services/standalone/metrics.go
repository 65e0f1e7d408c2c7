package standalone

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"eventanalytics/pkg/platform/metrics"
	"eventanalytics/pkg/platform/server"
)

// labelled is a service's registry that labels its metrics with the service's name,
// because services share some metric names.
type labelled struct {
	service  string
	gatherer prometheus.Gatherer
}

func (l labelled) Gather() ([]*dto.MetricFamily, error) {
	families, err := l.gatherer.Gather()
	name := "service"
	for _, family := range families {
		for _, m := range family.Metric {
			m.Label = append(m.Label, &dto.LabelPair{Name: &name, Value: &l.service})
			slices.SortFunc(m.Label, func(a, b *dto.LabelPair) int { return strings.Compare(a.GetName(), b.GetName()) })
		}
	}
	return families, err
}

// serveMetrics serves the metrics of the gateway and of all services until ctx ends.
func serveMetrics(ctx context.Context, ln net.Listener, gateway prometheus.Gatherer, services []part) error {
	all := prometheus.Gatherers{metrics.NewRegistry(), labelled{"gateway", gateway}}
	for _, s := range services {
		all = append(all, labelled{s.name, s.registry})
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(all, promhttp.HandlerOpts{}))
	if err := server.Serve(ctx, ln, mux, server.Config{DrainTimeout: time.Second}); err != nil {
		return fmt.Errorf("serving metrics: %w", err)
	}
	return nil
}
