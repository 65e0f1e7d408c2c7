// Package watch checks what operators watch: the alert rules, the dashboard and
// the runbook, against each other and against the metrics in docs/metrics.md.
package watch

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/tests/harness/stack"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// path of a file of the repository.
func path(t *testing.T, elements ...string) string {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	return filepath.Join(append([]string{root}, elements...)...)
}

func read(t *testing.T, elements ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(path(t, elements...))
	require.NoError(t, err)
	return text
}

func readYAML[T any](t *testing.T, elements ...string) (v T) {
	t.Helper()
	require.NoError(t, yaml.Unmarshal(read(t, elements...), &v))
	return v
}

// rule is an alert or a recording rule.
type rule struct {
	Alert, Record, Expr string
	Labels, Annotations map[string]string
}

func rules(t *testing.T) []rule {
	t.Helper()
	file := readYAML[struct {
		Groups []struct{ Rules []rule }
	}](t, "deployments", "prometheus", "alerts.yml")
	var all []rule
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	require.NotEmpty(t, all)
	return all
}

type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Templating    struct {
		List []struct {
			Name, Type, Query string
			Current           struct{ Value string }
		}
	}
	Panels []panel
}

type panel struct {
	ID          int
	Type, Title string
	Datasource  struct{ Type, UID string }
	FieldConfig struct{ Defaults struct{ Unit string } }
	GridPos     struct{ H, W, X, Y int }
	Targets     []struct {
		RefID, Expr, LegendFormat string
		Datasource                struct{ Type, UID string }
	}
}

// readDashboard returns the operators' dashboard.
func readDashboard(t *testing.T) dashboard {
	t.Helper()
	return readDashboardAt(t, "dashboards", "event-analytics.json")
}

// readProductDashboard returns the one over the stats API.
func readProductDashboard(t *testing.T) dashboard {
	t.Helper()
	return readDashboardAt(t, "stats", "dashboard.json")
}

func readDashboardAt(t *testing.T, folder, file string) (d dashboard) {
	t.Helper()
	require.NoError(t, json.Unmarshal(read(t, "deployments", "grafana", folder, file), &d))
	require.NotEmpty(t, d.Panels)
	return d
}
