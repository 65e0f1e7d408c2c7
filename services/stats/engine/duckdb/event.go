package duckdb

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"

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

// Latest serves a scan.
func (e *Engine) Latest(ctx context.Context, l engine.Latest) ([]engine.Event, error) {
	return e.events(ctx, newStatement(l.Scope, latestSQL, engine.Always()).with("limit", l.Limit))
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
