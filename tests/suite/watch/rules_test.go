package watch

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRulesUseKnownSeries(t *testing.T) {
	t.Parallel()
	k := knownSeries(t)
	for _, r := range rules(t) {
		of, err := k.query(r.Expr)
		require.NoError(t, err, r.Alert+r.Record)
		for name, text := range r.Annotations {
			for _, used := range usedLabels.FindAllStringSubmatch(text, -1) {
				// A rule's own labels are not there yet when its annotations are made.
				require.True(t, of[used[1]], "%s: %s speaks of the label %s", r.Alert, name, used[1])
			}
		}
	}
}

var usedLabels = regexp.MustCompile(`\$labels\.(\w+)`)

func TestAlertsSayWhatOperatorsNeed(t *testing.T) {
	t.Parallel()
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		require.Contains(t, []string{"critical", "warning"}, r.Labels["severity"], r.Alert)
		require.NotEmpty(t, r.Annotations["summary"], r.Alert)
		require.NotEmpty(t, r.Annotations["description"], r.Alert)
		require.Equal(t, "docs/runbook/"+r.Alert+".md", r.Annotations["runbook"])
	}
}

// TestEachAlertIsTestedBothWays: that promtool runs the tests is not enough.
func TestEachAlertIsTestedBothWays(t *testing.T) {
	t.Parallel()
	type expectation struct {
		Name   string `yaml:"alertname"`
		Alerts []struct {
			Labels map[string]string `yaml:"exp_labels"`
		} `yaml:"exp_alerts"`
	}
	file := readYAML[struct {
		Tests []struct {
			Expectations []expectation `yaml:"alert_rule_test"`
		}
	}](t, "deployments", "prometheus", "alerts_test.yml")
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, e := range test.Expectations {
			silent[e.Name] = silent[e.Name] || len(e.Alerts) == 0
			for _, a := range e.Alerts {
				fires[e.Name+" "+a.Labels["severity"]] = true
			}
		}
	}
	for _, r := range rules(t) {
		if r.Alert != "" {
			require.True(t, fires[r.Alert+" "+r.Labels["severity"]], "no test in which %s (%s) fires", r.Alert, r.Labels["severity"])
			require.True(t, silent[r.Alert], "no test in which %s does not fire", r.Alert)
		}
	}
}

func TestPrometheusAcceptsItsFiles(t *testing.T) {
	t.Parallel()
	dir := path(t, "deployments", "prometheus")
	promtool(t, "check", "config", filepath.Join(dir, "prometheus.yml"))
	promtool(t, "check", "rules", filepath.Join(dir, "alerts.yml"))
	promtool(t, "test", "rules", filepath.Join(dir, "alerts_test.yml"))
}

// promtool fails the test when promtool is missing: deployments/install brings it.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "promtool", args...).CombinedOutput()
	require.NoError(t, err, "promtool %v\n%s", args, out)
}
