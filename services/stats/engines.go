package stats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/warehouse/replica"
	"eventanalytics/pkg/warehouse/segment"
	files "eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/engine/clickhouse"
	raw "eventanalytics/services/stats/engine/duckdb"
	"eventanalytics/services/stats/engine/rollup"
	"eventanalytics/services/stats/engine/walk"
)

// source has the engines for a project's events: its roll-up, ClickHouse for scans of many
// events, and its events by user, as far as they are at hand, before the events themselves;
// and last, for what only events by user can tell, these again, however long it takes to have
// them.
func (s *Service) source(snapshot *replica.Snapshot, project int64, now time.Time) *engine.Source {
	var engines []engine.Engine
	if view := snapshot.RollUp(project); view != nil {
		engines = append(engines, rollup.New(s.db, project, view))
	}
	if s.clickHouse != nil { // before what would read as many events here, or fetch them
		engines = append(engines, clickhouse.New(s.clickHouse, snapshot.Snapshot, project))
	}
	rows := raw.NewRows(s.db, snapshot.Snapshot, project)
	atHand := func() engine.Engine {
		if view := snapshot.Walk(project); view != nil {
			return walk.New(s.db, project, view, rows).Named(s.names, rows)
		}
		return nil
	}
	if s.folder.HasBucket() { // what the roll-up serves need not fetch anything
		engines = append(engines, engine.Late("walk", func(ctx context.Context) engine.Engine {
			if snapshot.Fetch(ctx, project) {
				return atHand()
			}
			return nil
		}))
	} else if e := atHand(); e != nil {
		engines = append(engines, e)
	}
	engines = append(engines, raw.New(s.db, snapshot.Snapshot, project), &lastWalk{open: func(ctx context.Context) (engine.Engine, error) {
		view, err := snapshot.OpenWalk(ctx, project)
		if err != nil {
			return nil, err
		}
		return walk.New(s.db, project, view, rows), nil
	}})
	return engine.NewSource(now, snapshot.CompleteUntil, engines...)
}

// lastWalk serves the scans that only users' events in their order serve. It opens them
// when one is asked for, and waits for files to be checked or made.
type lastWalk struct {
	engine.Unsupported
	open func(context.Context) (engine.Engine, error)
}

// Name returns that of the engine that it opens.
func (*lastWalk) Name() string { return "walk" }

// Sessions serves a scan.
func (w *lastWalk) Sessions(ctx context.Context, q engine.Sessions) (engine.Sessioned, error) {
	return last(ctx, w, func(e engine.Engine) (engine.Sessioned, error) { return e.Sessions(ctx, q) })
}

// Paths serves a scan.
func (w *lastWalk) Paths(ctx context.Context, q engine.Paths) ([]engine.PathLink, error) {
	return last(ctx, w, func(e engine.Engine) ([]engine.PathLink, error) { return e.Paths(ctx, q) })
}

// Funnel serves a scan.
func (w *lastWalk) Funnel(ctx context.Context, q engine.Funnel) (engine.Funneled, error) {
	return last(ctx, w, func(e engine.Engine) (engine.Funneled, error) { return e.Funnel(ctx, q) })
}

// Reached serves a scan.
func (w *lastWalk) Reached(ctx context.Context, q engine.Reached) (*roaring.Bitmap, error) {
	return last(ctx, w, func(e engine.Engine) (*roaring.Bitmap, error) { return e.Reached(ctx, q) })
}

// IDDays serves a scan.
func (w *lastWalk) IDDays(ctx context.Context, q engine.IDDays) ([]engine.DaysOfID, error) {
	return last(ctx, w, func(e engine.Engine) ([]engine.DaysOfID, error) { return e.IDDays(ctx, q) })
}

// last has a scan served by what w opens: again where a file turns out to be damaged, which
// is made in memory then. No engine comes behind it, so what is damaged still keeps the
// scan from being answered.
func last[T any](ctx context.Context, w *lastWalk, scan func(engine.Engine) (T, error)) (result T, err error) {
	for range 2 {
		var e engine.Engine
		if e, err = w.open(ctx); err != nil {
			return result, err
		}
		if result, err = scan(e); !errors.Is(err, files.ErrFormat) {
			return result, err
		}
	}
	// Not wrapped: to engines the error also means that another one may serve the scan.
	return result, fmt.Errorf("%w: %s", segment.ErrQuarantined, err.Error())
}
