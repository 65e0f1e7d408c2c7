// Package rollup serves scans from a project's roll-up in memory: those that look at
// nothing but event types, users and time, in periods that begin and end with a
// quarter of an hour.
package rollup

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/filter"
)

// Engine serves the scans that a roll-up holds enough for.
type Engine struct {
	engine.Unsupported
	db      *duckdb.DB
	project int64
	view    *rollup.View
}

var _ engine.Engine = (*Engine)(nil)

// New makes the engine for a project's roll-up. Scans run under the limits of db.
func New(db *duckdb.DB, project int64, view *rollup.View) *Engine {
	return &Engine{db: db, project: project, view: view}
}

// Name returns "rollup".
func (*Engine) Name() string { return "rollup" }

// do runs a scan. Quarters of an hour are read from files: one that has been lost or
// damaged since costs time, not the answer.
func (e *Engine) do(ctx context.Context, scan func(context.Context) error) error {
	err := e.db.Do(ctx, e.project, scan)
	if errors.Is(err, rollup.ErrFormat) || errors.Is(err, segment.ErrQuarantined) {
		return fmt.Errorf("%w: %w", engine.ErrUnsupported, err)
	}
	return err
}

// ask begins a question about a range, cut into buckets.
func (e *Engine) ask(s engine.Scope, r engine.Range, unit calendar.Unit) (*rollup.Scan, []bucket, error) {
	match, err := typesOf(s.Filters)
	if err != nil {
		return nil, nil, err
	}
	p, exists := r.Period(s.Zone)
	if !exists {
		return e.view.Scan(match), nil, nil
	}
	slots, err := slotsOf(p, unit)
	return e.view.Scan(match), byBucket(slots), err
}

// typesOf returns which event types all filters hold for, nil for all types.
func typesOf(filters []filter.Filter) (match func(eventType string) bool, err error) {
	for _, f := range filters {
		if f.Field != filter.EventType {
			return nil, engine.ErrUnsupported
		}
	}
	if len(filters) == 0 {
		return nil, nil
	}
	tests := make([]*filter.Test, len(filters))
	for i, f := range filters {
		tests[i] = f.Test()
	}
	return func(eventType string) bool {
		return !slices.ContainsFunc(tests, func(t *filter.Test) bool { return !t.HoldsText(eventType) })
	}, nil
}

// andType matches eventType, or all types when it is empty, among those that match.
func andType(match func(string) bool, eventType string) func(string) bool {
	if eventType == "" {
		return match
	}
	return func(t string) bool { return t == eventType && (match == nil || match(t)) }
}
