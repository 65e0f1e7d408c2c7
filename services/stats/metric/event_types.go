package metric

import (
	"context"
	"database/sql"
	_ "embed"
	"maps"
	"slices"

	"eventanalytics/pkg/warehouse/rollup"
)

//go:embed event_types.sql
var eventTypesSQL string

// EventTypes asks for all event types of a project.
type EventTypes struct{ Scope }

// EventTypesRow is a row of EventTypes.
type EventTypesRow struct {
	EventType string `json:"event_type" doc:"Type of the events"`
	FirstSeen string `json:"first_seen" format:"date-time" doc:"occurred_at of the first such event, in the time zone"`
	LastSeen  string `json:"last_seen" format:"date-time" doc:"occurred_at of the last such event, in the time zone"`
}

// Name returns "event-types".
func (EventTypes) Name() string { return "event-types" }

// Rows returns []EventTypesRow, by name.
func (q EventTypes) Rows(ctx context.Context, src Source) (any, error) {
	return collect(ctx, src, q.statement(eventTypesSQL, always()), func(r *sql.Rows) (row EventTypesRow, err error) {
		var first, last int64
		err = r.Scan(&row.EventType, &first, &last)
		row.FirstSeen, row.LastSeen = q.Zone.Format(first), q.Zone.Format(last)
		return row, err
	})
}

func (q EventTypes) sums(ctx context.Context, view *rollup.View, _ Source) (any, bool, error) {
	match, ok := q.types()
	if !ok {
		return nil, false, nil
	}
	totals, err := view.Ask(match).Totals(ctx, rollup.Always)
	if err != nil {
		return nil, true, err
	}
	if len(totals) > MaxRows {
		return nil, true, ErrTooManyRows
	}
	rows := make([]EventTypesRow, 0, len(totals))
	for _, name := range slices.Sorted(maps.Keys(totals)) {
		rows = append(rows, EventTypesRow{name, q.Zone.Format(totals[name].First), q.Zone.Format(totals[name].Last)})
	}
	return rows, true, nil
}
