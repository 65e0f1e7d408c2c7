package objects

import (
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics are of the requests to a bucket: each attempt counts, since each may cost money.
type Metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	bytes    *prometheus.CounterVec
}

// operations and outcomes are the values of labels, so that all metrics exist from the start.
var (
	operations = []string{"put", "get", "head", "list", "remove"}
	outcomes   = []string{"ok", "exists", "missing", "refused", "busy", "failed"}
)

// NewMetrics registers the metrics. Without a bucket they stay at 0.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	f := promauto.With(registry)
	m := &Metrics{
		requests: f.NewCounterVec(prometheus.CounterOpts{
			Name: "analytics_objects_requests_total",
			Help: "Requests to the object store, retries included, by operation (put, get, head, list, remove) and outcome: ok, exists (a write was repeated), missing, refused (4xx), busy (429, 503), failed (5xx or no answer).",
		}, []string{"operation", "outcome"}),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "analytics_objects_request_seconds", Help: "Time until the object store began to answer a request.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15},
		}, []string{"operation"}),
		bytes: f.NewCounterVec(prometheus.CounterOpts{
			Name: "analytics_objects_bytes_total", Help: "Bytes of objects sent to the store and received from it, by direction: sent, received.",
		}, []string{"direction"}),
	}
	for _, operation := range operations {
		for _, outcome := range outcomes {
			m.requests.WithLabelValues(operation, outcome)
		}
		m.seconds.WithLabelValues(operation)
	}
	m.bytes.WithLabelValues("sent")
	m.bytes.WithLabelValues("received")
	return m
}

// count counts what goes through a client.
func (m *Metrics) count(next aws.HTTPClient) aws.HTTPClient {
	return smithyhttp.ClientDoFunc(func(r *http.Request) (*http.Response, error) {
		operation := operationOf(r)
		began := time.Now()
		answer, err := next.Do(r)
		m.seconds.WithLabelValues(operation).Observe(time.Since(began).Seconds())
		m.requests.WithLabelValues(operation, outcomeOf(operation, answer, err)).Inc()
		if err == nil && answer.StatusCode < 300 {
			switch {
			case operation == "put" && r.ContentLength > 0:
				m.bytes.WithLabelValues("sent").Add(float64(r.ContentLength))
			case operation == "get" && answer.ContentLength > 0:
				m.bytes.WithLabelValues("received").Add(float64(answer.ContentLength))
			}
		}
		return answer, err
	})
}

func operationOf(r *http.Request) string {
	query := r.URL.Query()
	switch {
	case r.Method == http.MethodPut:
		return "put"
	case r.Method == http.MethodHead:
		return "head"
	case r.Method == http.MethodDelete || query.Has("delete"):
		return "remove"
	case query.Has("list-type"):
		return "list"
	}
	return "get"
}

func outcomeOf(operation string, answer *http.Response, err error) string {
	switch {
	case err != nil:
		return "failed"
	case answer.StatusCode < 300:
		return "ok"
	}
	switch code := answer.StatusCode; {
	case code == http.StatusPreconditionFailed:
		return "exists"
	case code == http.StatusNotFound && operation == "get": // else it is the bucket that is not there
		return "missing"
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		return "busy"
	case code < 500:
		return "refused"
	}
	return "failed"
}
