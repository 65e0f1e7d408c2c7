package syncworker

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/names"
	"eventanalytics/pkg/platform/postgres/pgtest"
)

// After an upgrade the worker finds what names a project has, so that those go on
// being accepted, however many they are.
func TestNamesOfOldProjectsAreCounted(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	exec(t, pool, "INSERT INTO analytics.project_names (project_id, counted) VALUES (1, false), (2, false)")
	leader := newTerm(t, cfg, pool)
	old := someEvents(3, 2)
	old[1].Type, old[1].Properties = "another", `{"a":1,"\u0062 \"":{"inner":2},"":null}`
	old[2].Properties = ""
	leader.loadAll(t, appendTo(t, pool, 1, old[:3]...))
	leader.loadAll(t, appendTo(t, pool, 1, old[3:]...))
	require.NoError(t, leader.maintenance.Names.Collect(t.Context()))
	uncounted, err := names.Uncounted(t.Context(), pool)
	require.NoError(t, err)
	require.Empty(t, uncounted)
	require.Equal(t, "2 3", value[string](t, pool, "SELECT event_types || ' ' || properties FROM analytics.project_names WHERE project_id = 1"))

	registry := names.New(names.Config{EventTypes: 1, Properties: 1}, pool, prometheus.NewRegistry())
	refused := func(project int64, events ...event.Event) int {
		b := &event.Batch{Events: append([]event.Event{}, events...), Indexes: make([]int32, len(events))}
		require.NoError(t, registry.Admit(t.Context(), project, b, false))
		return b.Rejected
	}
	require.Zero(t, refused(1, old...))
	more := someEvents(2, 1)
	more[0].Type, more[1].Properties = "third", `{"inner":2}`
	require.Equal(t, 2, refused(1, more...))
	require.Equal(t, 1, refused(2, old[0], old[1]), "it had none")
}
