package watch

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/metrics"
)

// labels of a series, as a set.
type labels map[string]bool

func labelSet(names ...string) labels {
	s := labels{}
	for _, name := range names {
		s[name] = true
	}
	return s
}

func (l labels) with(other labels) labels {
	all := maps.Clone(l)
	maps.Copy(all, other)
	return all
}

// targetLabels are what Prometheus adds to each series.
var targetLabels = labelSet("job", "instance")

// known are the series there are and their labels.
type known map[string]labels

func (k known) add(name, kind string, own labels) {
	own = own.with(targetLabels)
	switch kind {
	case "histogram":
		k[name+"_bucket"] = own.with(labelSet("le"))
		fallthrough
	case "summary":
		k[name+"_sum"], k[name+"_count"] = own, own
	}
	if kind != "histogram" {
		k[name] = own
	}
}

var metricRow = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (\\w+) \\| ([^|]*) \\|")

// knownSeries are those of docs/metrics.md, of each Go process, of Prometheus
// itself and of the recording rules.
func knownSeries(t *testing.T) known {
	t.Helper()
	k := known{"up": targetLabels, "ALERTS": labelSet("alertname", "alertstate", "severity").with(targetLabels)}
	rows := metricRow.FindAllStringSubmatch(string(read(t, "docs", "metrics.md")), -1)
	require.Greater(t, len(rows), 30)
	for _, row := range rows {
		own := labels{}
		for name := range strings.SplitSeq(row[3], ",") {
			if name = strings.Trim(name, " `"); name != "" {
				own[name] = true
			}
		}
		k.add(row[1], row[2], own)
	}
	families, err := metrics.NewRegistry().Gather()
	require.NoError(t, err)
	for _, family := range families {
		if strings.HasPrefix(family.GetName(), metrics.Prefix) {
			continue
		}
		own := labels{}
		for _, l := range family.Metric[0].Label {
			own[l.GetName()] = true
		}
		k.add(family.GetName(), strings.ToLower(family.GetType().String()), own)
	}
	for _, r := range rules(t) {
		if r.Record == "" {
			continue
		}
		of, err := k.query(r.Expr)
		require.NoError(t, err, r.Record)
		k[r.Record] = of
	}
	return k
}

// variables of Grafana, as it fills them in.
var variables = strings.NewReplacer("$__rate_interval", "1m", "$__range", "6h")

// query checks a query's metrics and labels; it returns the labels its result
// may have.
func (k known) query(text string) (labels, error) {
	e, err := metricsql.Parse(variables.Replace(text))
	if err != nil {
		return nil, err
	}
	return k.result(e)
}

func (k known) result(e metricsql.Expr) (labels, error) {
	switch e := e.(type) {
	case *metricsql.MetricExpr:
		return k.selector(e)
	case *metricsql.RollupExpr:
		return k.result(e.Expr)
	case *metricsql.FuncExpr:
		return k.function(e)
	case *metricsql.AggrFuncExpr:
		return k.aggregate(e)
	case *metricsql.BinaryOpExpr:
		return k.binary(e)
	case *metricsql.NumberExpr, *metricsql.StringExpr, *metricsql.DurationExpr:
		return labels{}, nil
	}
	return nil, fmt.Errorf("%s: this kind of expression (%T) is not known here", e.AppendString(nil), e)
}

func (k known) selector(e *metricsql.MetricExpr) (labels, error) {
	if len(e.LabelFilterss) != 1 || e.LabelFilterss[0][0].Label != "__name__" {
		return nil, fmt.Errorf("%s names no metric", e.AppendString(nil))
	}
	name, matchers := e.LabelFilterss[0][0].Value, e.LabelFilterss[0][1:]
	own, ok := k[name]
	if !ok {
		return nil, fmt.Errorf("there is no metric %s", name)
	}
	for _, m := range matchers {
		if !own[m.Label] {
			return nil, fmt.Errorf("%s: there is no label %s", e.AppendString(nil), m.Label)
		}
	}
	return own, nil
}

func (k known) function(e *metricsql.FuncExpr) (labels, error) {
	all := labels{}
	for _, arg := range e.Args {
		of, err := k.result(arg)
		if err != nil {
			return nil, err
		}
		all = all.with(of)
	}
	switch e.Name {
	case "histogram_quantile":
		if !all["le"] {
			return nil, fmt.Errorf("%s: buckets without le", e.AppendString(nil))
		}
		delete(all, "le")
	case "absent": // has the labels of a plain selector's matchers only; of nothing else
		return labels{}, nil
	}
	return all, nil
}

func (k known) aggregate(e *metricsql.AggrFuncExpr) (labels, error) {
	of := labels{}
	for _, arg := range e.Args {
		one, err := k.result(arg)
		if err != nil {
			return nil, err
		}
		of = of.with(one)
	}
	for _, name := range e.Modifier.Args {
		if !of[name] {
			return nil, fmt.Errorf("%s: there is no label %s", e.AppendString(nil), name)
		}
	}
	if e.Modifier.Op == "without" {
		return nil, fmt.Errorf("%s: without is not known here", e.AppendString(nil))
	}
	return labelSet(e.Modifier.Args...), nil
}

func (k known) binary(e *metricsql.BinaryOpExpr) (labels, error) {
	left, err := k.result(e.Left)
	if err != nil {
		return nil, err
	}
	right, err := k.result(e.Right)
	if err != nil {
		return nil, err
	}
	if e.GroupModifier.Op != "" {
		return nil, fmt.Errorf("%s: %s is not known here", e.AppendString(nil), e.GroupModifier.Op)
	}
	// Between vectors with different labels nothing ever matches; or takes both.
	if strings.EqualFold(e.Op, "or") || len(left) == 0 || len(right) == 0 {
		return left.with(right), nil
	}
	if !maps.Equal(left, right) {
		return nil, fmt.Errorf("%s: the sides have different labels: %v, %v", e.AppendString(nil),
			slices.Sorted(maps.Keys(left)), slices.Sorted(maps.Keys(right)))
	}
	return left, nil
}

// TestQueriesAreChecked: the check itself finds what it is there to find.
func TestQueriesAreChecked(t *testing.T) {
	t.Parallel()
	k := knownSeries(t)
	for query, want := range map[string]string{
		`sum by (result) (rate(analytics_ingest_events_total{result!="accepted"}[5m]))`:             "",
		`histogram_quantile(0.9, sum by (le) (rate(analytics_sync_load_seconds_bucket[5m])))`:       "",
		`sum(rate(analytics_ingest_event_total[5m]))`:                                               "no metric analytics_ingest_event_total",
		`analytics_sync_load_seconds`:                                                               "no metric analytics_sync_load_seconds",
		`sum by (reason) (rate(analytics_ingest_events_total[5m]))`:                                 "no label reason",
		`analytics_http_requests_total{code="200"}`:                                                 "no label code",
		`analytics_http_requests_total{method="GET"} / analytics_http_request_seconds_count`:        "different labels",
		`histogram_quantile(0.9, sum by (route) (rate(analytics_http_request_seconds_bucket[5m])))`: "without le",
		`{job="ingest"}`:  "names no metric",
		`sum(rate(up[5m]`: "unexpected token",
	} {
		_, err := k.query(query)
		if want == "" {
			require.NoError(t, err, query)
		} else {
			require.ErrorContains(t, err, want, query)
		}
	}
}
