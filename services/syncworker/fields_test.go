package syncworker

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/fields"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/syncworker/admin"
)

// Columns have the ids of analytics.shredded_columns, whoever wrote the segment: a load, a
// merge of segments with other properties, or a worker of a version that knew no ids.
func TestFieldIDs(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	leader.builder.ShredFrom = 1
	events := func(key string) []event.Event {
		all := someEvents(20, 2)
		for i := range all {
			all[i].Properties = fmt.Sprintf(`{"country":"c%d",%q:%d}`, i%3, key, i%5)
		}
		return all
	}
	check := func() {
		t.Helper()
		ids, err := fields.All(t.Context(), pool, 1)
		require.NoError(t, err)
		for _, s := range live(t, leader) {
			require.True(t, s.FieldIDs)
			require.Contains(t, s.Shredded, "text:country")
			require.NoError(t, segment.CheckFieldIDs(cfg.Warehouse.Dir, s, ids))
		}
		v, err := admin.Verify(t.Context(), pool, cfg.Warehouse, false, func(d admin.Damage) { t.Error(d) })
		require.NoError(t, err)
		require.EqualValues(t, len(live(t, leader)), v.Segments)
	}
	for i := range cfg.CompactSegments {
		leader.loadAll(t, appendTo(t, pool, 1, events(fmt.Sprint("k", i))...))
	}
	check()
	before, err := fields.All(t.Context(), pool, 1)
	require.NoError(t, err)
	require.NoError(t, leader.compactAll(t.Context()))
	require.Len(t, live(t, leader), 1)
	check()

	without, err := duckdb.NewBuilder(cfg.Warehouse, nil)
	require.NoError(t, err)
	defer without.Close()
	without.ShredFrom = 1
	old, err := without.Write(t.Context(), 1, events("later"), make([]uint32, 40), 1)
	require.NoError(t, err)
	require.NoError(t, manifest.Insert(t.Context(), pool, []segment.Segment{old}))
	require.False(t, live(t, leader)[1].FieldIDs)
	versions := func() (int64, int64) {
		return value[int64](t, pool, "SELECT version FROM analytics.sync_state"), value[int64](t, pool, "SELECT version FROM analytics.project_versions")
	}
	version, answers := versions()
	require.NoError(t, leader.maintenance.Upgrader.Upgrade(t.Context()))
	check()
	require.NotContains(t, []string{live(t, leader)[0].Path, live(t, leader)[1].Path}, old.Path)
	afterwards, sameAnswers := versions()
	require.Equal(t, version+1, afterwards)
	require.Equal(t, answers, sameAnswers, "no answer is another")

	after, err := fields.All(t.Context(), pool, 1)
	require.NoError(t, err)
	for name, id := range before {
		require.Equal(t, id, after[name], name)
	}
	require.Contains(t, after, "integer:later")
	require.NoError(t, leader.maintenance.Upgrader.Upgrade(t.Context()))
	again, _ := versions()
	require.Equal(t, afterwards, again, "all are of today")

	exec(t, pool, "UPDATE analytics.shredded_columns SET field_id = 1000 WHERE name = 'text:country'")
	damaged := 0
	_, err = admin.Verify(t.Context(), pool, cfg.Warehouse, false, func(d admin.Damage) {
		require.ErrorContains(t, d.Reason, `the column "text:country"`)
		damaged++
	})
	require.ErrorIs(t, err, segment.ErrQuarantined)
	require.Equal(t, 2, damaged)
}
