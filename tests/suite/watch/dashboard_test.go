package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func TestDashboardUsesKnownSeries(t *testing.T) {
	t.Parallel()
	k := knownSeries(t)
	for _, p := range readDashboard(t).Panels {
		for _, target := range p.Targets {
			of, err := k.query(target.Expr)
			require.NoError(t, err, "%q %s", p.Title, target.RefID)
			for _, used := range legendLabels.FindAllStringSubmatch(target.LegendFormat, -1) {
				require.True(t, of[used[1]], "%q %s: the legend speaks of the label %s", p.Title, target.RefID, used[1])
			}
		}
	}
}

var legendLabels = regexp.MustCompile(`{{\s*(\w+)\s*}}`)

// TestPrometheusAcceptsTheQueries: the parser in these tests takes more than
// Prometheus does.
func TestPrometheusAcceptsTheQueries(t *testing.T) {
	t.Parallel()
	type recording struct{ Record, Expr string }
	type group struct {
		Name  string
		Rules []recording
	}
	all := group{Name: "dashboard"}
	for _, p := range readDashboard(t).Panels {
		for _, target := range p.Targets {
			all.Rules = append(all.Rules, recording{fmt.Sprintf("panel:%d_%s", p.ID, target.RefID), variables.Replace(target.Expr)})
		}
	}
	text, err := yaml.Marshal(map[string][]group{"groups": {all}})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "queries.yml")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	promtool(t, "check", "rules", file)
}

func TestDashboardsAreWhole(t *testing.T) {
	t.Parallel()
	both := []dashboard{readDashboard(t), readProductDashboard(t)}
	require.NotEqual(t, both[0].UID, both[1].UID)
	for _, d := range both {
		whole(t, d)
	}
}

func whole(t *testing.T, d dashboard) {
	t.Helper()
	require.NotEmpty(t, d.UID)
	require.Equal(t, 41, d.SchemaVersion, "that of Grafana 12")
	seen := map[int]string{}
	taken := map[[2]int]string{}
	for _, p := range d.Panels {
		require.Positive(t, p.ID, p.Title)
		require.Empty(t, seen[p.ID], "panel %d is there twice", p.ID)
		seen[p.ID] = p.Title
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				require.Less(t, x, 24, p.Title)
				require.Empty(t, taken[[2]int{x, y}], "%q lies upon another panel", p.Title)
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		require.NotEmpty(t, p.FieldConfig.Defaults.Unit, p.Title)
		require.NotEmpty(t, p.Targets, p.Title)
	}
}

func TestDashboardsFindTheirDataSources(t *testing.T) {
	t.Parallel()
	prometheus := onlySource(t, "provisioning", "datasources", "datasource.yml")
	require.Equal(t, "prometheus", prometheus.Type)
	d := readDashboard(t)
	require.Len(t, d.Templating.List, 1)
	findsSource(t, d, prometheus)

	stats := onlySource(t, "stats", "datasource.yml")
	require.Equal(t, "yesoreyeram-infinity-datasource", stats.Type)
	product := readProductDashboard(t)
	findsSource(t, product, stats)
	for _, p := range product.Panels {
		for _, target := range p.Targets { // Infinity's queries name it, too
			require.Equal(t, p.Datasource, target.Datasource, p.Title)
		}
	}
}

type dataSource struct{ Name, UID, Type, URL string }

func onlySource(t *testing.T, elements ...string) dataSource {
	t.Helper()
	provisioned := readYAML[struct{ Datasources []dataSource }](t, append([]string{"deployments", "grafana"}, elements...)...).Datasources
	require.Len(t, provisioned, 1)
	return provisioned[0]
}

// findsSource checks that the first variable of a dashboard chooses the data source of
// all its panels, and begins with the provisioned one.
func findsSource(t *testing.T, d dashboard, s dataSource) {
	t.Helper()
	variable := d.Templating.List[0]
	require.Equal(t, "datasource", variable.Type)
	require.Equal(t, s.Type, variable.Query)
	require.Equal(t, s.UID, variable.Current.Value)
	for _, p := range d.Panels {
		if p.Type != "row" {
			require.Equal(t, "${"+variable.Name+"}", p.Datasource.UID, p.Title)
			require.Equal(t, variable.Query, p.Datasource.Type, p.Title)
		}
	}
}
