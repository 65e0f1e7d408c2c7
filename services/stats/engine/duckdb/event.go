package duckdb

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/services/stats/engine"
)

//go:embed latest.sql
var latestSQL string

// Event returns the event with an id, or none.
func (e *Engine) Event(ctx context.Context, id uuid.UUID) ([]engine.Event, error) {
	rows := NewRows(e.db, e.snapshot, e.project)
	at, found, err := rows.Find(ctx, id)
	if err != nil || !found {
		return nil, err
	}
	return rows.Events(ctx, []engine.RowPlace{at})
}

// Latest serves a scan. It looks at ever longer periods before the last event that counts,
// until one has enough: whatever is before it happened earlier.
func (e *Engine) Latest(ctx context.Context, l engine.Latest) ([]engine.Event, error) {
	all := e.snapshot.Segments(e.project, time.Time{}, time.Time{})
	if len(all) == 0 {
		return nil, nil
	}
	newest := newestOf(all)
	var before *engine.Event
	if l.Before != nil {
		found, err := e.Event(ctx, *l.Before)
		if err != nil || len(found) == 0 {
			return nil, err
		}
		before = &found[0]
		newest.last = min(newest.last, before.OccurredAt)
	}
	for back := newest.with(enoughFor * int64(l.Limit)); ; back *= further {
		p := engine.Always()
		if newest.holds(back) {
			p.From = newest.last - back
		}
		at, err := e.places(ctx, latest(l, before, p))
		if err != nil {
			return nil, err
		}
		if len(at) == l.Limit || p.From == math.MinInt64 {
			return NewRows(e.db, e.snapshot, e.project).Events(ctx, at)
		}
	}
}

// latest is the statement for a period, and for the events before one, which may be nil.
func latest(l engine.Latest, before *engine.Event, p engine.Period) *statement {
	st := newStatement(l.Scope, latestSQL, p).with("limit", l.Limit)
	behind := "true"
	if before != nil {
		us, id := st.bind(before.OccurredAt), st.bind(before.ID)
		behind = fmt.Sprintf("(us < %[1]s::BIGINT OR us = %[1]s::BIGINT AND event_id < %[2]s::UUID)", us, id)
		if !st.needed && !st.past && !st.clock { // users are as of now, and clocks have no other times then
			st.period.To = before.OccurredAt + 1
		}
	}
	st.markers = append(st.markers, "{{behind}}", behind)
	return st
}

// events returns the events whose places a statement finds: it reads of all events no
// more than what they are chosen by, and of those whole rows.
func (e *Engine) events(ctx context.Context, st *statement) ([]engine.Event, error) {
	at, err := e.places(ctx, st)
	if err != nil {
		return nil, err
	}
	return NewRows(e.db, e.snapshot, e.project).Events(ctx, at)
}

// places returns what a statement selects of {{local}}: place and us of events.
func (e *Engine) places(ctx context.Context, st *statement) (at []engine.RowPlace, err error) {
	st.places = &duckdb.Places{}
	rows := NewRows(e.db, e.snapshot, e.project)
	err = e.run(ctx, st, func(r *sql.Rows) error {
		var place, us int64
		if err := r.Scan(&place, &us); err != nil {
			return fmt.Errorf("reading the place of an event: %w", err)
		}
		s, row := st.places.Of(place)
		at = append(at, engine.RowPlace{File: rows.file(s), Row: row, Us: us})
		return nil
	})
	return at, err
}
