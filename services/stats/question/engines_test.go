package question_test

import (
	"context"
	"errors"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/stretchr/testify/require"

	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/engine/clickhouse"
	raw "eventanalytics/services/stats/engine/duckdb"
	"eventanalytics/services/stats/engine/rollup"
	"eventanalytics/services/stats/engine/walk"
	"eventanalytics/services/stats/question"
)

func (d data) raw() engine.Engine {
	return reaching{raw.New(d.w.db, d.snapshot.Snapshot, d.project), d.walker(true)}
}

// reaching is an engine that has another say how far users got in the funnels of filters,
// which only users' events in their order tell.
type reaching struct {
	engine.Engine
	walk engine.Engine
}

func (r reaching) Reached(ctx context.Context, q engine.Reached) (*roaring.Bitmap, error) {
	return r.walk.Reached(ctx, q)
}

func (d data) rollUp() engine.Engine {
	return rollup.New(d.w.db, d.project, d.snapshot.RollUp(d.project))
}

// walker is the engine of users' events, with what their files know alone or also with the
// rows of others.
func (d data) walker(rows bool) engine.Engine {
	if rows {
		return walk.New(d.w.db, d.project, d.snapshot.Walk(d.project), raw.NewRows(d.w.db, d.snapshot.Snapshot, d.project))
	}
	return walk.New(d.w.db, d.project, d.snapshot.Walk(d.project), nil)
}

// inOrder are the engines as a service has them.
func (d data) inOrder() []engine.Engine { return []engine.Engine{d.rollUp(), d.walker(true), d.raw()} }

// engine is ClickHouse over the files of the snapshot.
func (d data) engine() engine.Engine {
	return clickhouse.New(d.w.clickHouse, d.snapshot.Snapshot, d.project)
}

// all are the engines that serve every tally and every rank.
func (d data) all() []engine.Engine {
	all := []engine.Engine{d.raw(), d.walker(true)}
	if d.w.clickHouse != nil {
		all = append(all, d.engine())
	}
	return all
}

// forced is an engine that a question is asked of alone.
type forced struct {
	name string
	engine.Engine
}

func (d data) forced() []forced {
	all := []forced{{"rollup", d.rollUp()}, {"files of walk", d.walker(false)}, {"walk", d.walker(true)}, {"raw", d.raw()}}
	if d.w.clickHouse != nil {
		all = append(all, forced{clickhouse.Name, d.engine()})
	}
	return all
}

// each asks every engine alone, and calls answered with the names of those that can.
func (d data) each(t *testing.T, q question.Question, want [][]any, about string, answered func(name string)) {
	t.Helper()
	for _, e := range d.forced() {
		got, _, err := d.ask(t.Context(), q, e.Engine)
		if e.name == clickhouse.Name && errors.Is(err, engine.ErrUnsupported) {
			// As a service has it: what ClickHouse does not serve another engine does, for the same question.
			got, _, err = d.ask(t.Context(), q, e.Engine, d.walker(true), d.raw())
			require.NoError(t, err, "%T %s with ClickHouse first", q, about)
			require.Equal(t, want, got, "%T %s with ClickHouse first", q, about)
			continue
		}
		if e.name != "raw" && errors.Is(err, engine.ErrUnsupported) {
			continue
		}
		require.NoError(t, err, "%T %s from %s", q, about, e.name)
		require.Equal(t, want, got, "%T %s from %s", q, about, e.name)
		answered(e.name)
	}
}
