package metrics

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRegistryShowsTheProcess(t *testing.T) {
	t.Parallel()
	families, err := NewRegistry().Gather()
	require.NoError(t, err)
	names := map[string]bool{}
	for _, family := range families {
		names[family.GetName()] = true
		if family.GetName() != "analytics_build_info" {
			continue
		}
		require.Len(t, family.Metric, 1)
		require.EqualValues(t, 1, family.Metric[0].GetGauge().GetValue())
		labels := map[string]string{}
		for _, l := range family.Metric[0].Label {
			labels[l.GetName()] = l.GetValue()
		}
		require.Equal(t, runtime.Version(), labels["goversion"])
		require.NotEmpty(t, labels["version"])
		require.NotEmpty(t, labels["revision"])
	}
	for _, name := range []string{"analytics_build_info", "go_goroutines", "process_cpu_seconds_total"} {
		require.True(t, names[name], name)
	}
}
