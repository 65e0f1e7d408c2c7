package duckdb

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"eventanalytics/services/stats/engine"
)

var (
	//go:embed event.sql
	eventSQL string
	//go:embed latest.sql
	latestSQL string
)

// Event returns the event with an id, or none.
func (e *Engine) Event(ctx context.Context, id uuid.UUID) ([]engine.Event, error) {
	return e.events(ctx, newStatement(engine.Scope{}, eventSQL, engine.Always()).with("event_id", id.String()))
}

// Latest serves a scan. It looks at ever longer periods before the last event, until one
// has enough: whatever is before it happened earlier.
func (e *Engine) Latest(ctx context.Context, l engine.Latest) ([]engine.Event, error) {
	all := e.snapshot.Segments(e.project, time.Time{}, time.Time{})
	if len(all) == 0 {
		return nil, nil
	}
	newest := newestOf(all)
	for back := newest.with(enoughFor * int64(l.Limit)); ; back *= further {
		p := engine.Always()
		if newest.holds(back) {
			p.From = newest.last - back
		}
		events, err := e.events(ctx, newStatement(l.Scope, latestSQL, p).with("limit", l.Limit))
		if err != nil || len(events) == l.Limit || p.From == math.MinInt64 {
			return events, err
		}
	}
}

func (e *Engine) events(ctx context.Context, st *statement) ([]engine.Event, error) {
	result := engine.NewResult[engine.Event](ctx)
	err := e.run(ctx, st, func(r *sql.Rows) error {
		var event engine.Event
		if err := r.Scan(&event.ID, &event.OccurredAt, &event.UserID, &event.Type, &event.Properties); err != nil {
			return fmt.Errorf("reading an event: %w", err)
		}
		return result.Add(event, event.ID, event.UserID, event.Type, event.Properties)
	})
	return result.Rows, err
}
