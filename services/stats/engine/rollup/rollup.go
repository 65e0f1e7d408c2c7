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
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/stats/engine"
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
	match, err := typesOf(s.Filter, s.Zone)
	if err != nil {
		return nil, nil, err
	}
	return e.cut(match, s.Zone, r, unit)
}

// cut begins a question about some event types, in a range cut into buckets.
func (e *Engine) cut(match func(eventType string) bool, zone *calendar.Zone, r engine.Range, unit calendar.Unit) (*rollup.Scan, []bucket, error) {
	p, exists := r.Period(zone)
	if !exists {
		return e.view.Scan(match), nil, nil
	}
	slots, err := slotsOf(p, unit)
	return e.view.Scan(match), byBucket(slots), err
}

// typesOf returns which event types a filter holds for, nil for all types.
func typesOf(f syntax.Filter, zone *calendar.Zone) (match func(eventType string) bool, err error) {
	switch f.Form {
	case syntax.Holds:
		if f.Condition.Field.Source != syntax.EventType {
			return nil, engine.ErrUnsupported
		}
		return f.Condition.Test(zone).HoldsText, nil
	case syntax.All:
		if len(f.Of) == 0 {
			return nil, nil
		}
	}
	matches := make([]func(string) bool, len(f.Of))
	for i, one := range f.Of {
		if matches[i], err = typesOf(one, zone); err != nil {
			return nil, err
		}
		if matches[i] == nil {
			matches[i] = func(string) bool { return true }
		}
	}
	return func(eventType string) bool {
		holds := func(match func(string) bool) bool { return match(eventType) }
		switch f.Form {
		case syntax.Any:
			return slices.ContainsFunc(matches, holds)
		case syntax.Not:
			return !matches[0](eventType)
		default:
			return !slices.ContainsFunc(matches, func(match func(string) bool) bool { return !match(eventType) })
		}
	}, nil
}

// andType matches eventType, or all types when it is empty, among those that match.
func andType(match func(string) bool, eventType string) func(string) bool {
	if eventType == "" {
		return match
	}
	return func(t string) bool { return t == eventType && (match == nil || match(t)) }
}
