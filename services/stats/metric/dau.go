package metric

import (
	"context"
	"database/sql"
	_ "embed"
	"time"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/warehouse/rollup"
)

//go:embed dau.sql
var dauSQL string

// DAU asks for the daily active users of a range.
type DAU struct {
	Scope
	Range
	Fill bool // with rows for days without users
}

// DAURow is a row of DAU.
type DAURow struct {
	Date string `json:"date" format:"date" doc:"Day in the time zone"`
	DAU  int64  `json:"dau" doc:"Distinct users with an event that day"`
}

// Name returns "dau".
func (DAU) Name() string { return "dau" }

// Rows returns []DAURow, by date.
func (q DAU) Rows(ctx context.Context, src Source) (any, error) {
	p, ok := q.days(q.From, q.To)
	if !ok {
		return []DAURow{}, nil
	}
	rows, err := collect(ctx, src, q.statement(dauSQL, p), func(r *sql.Rows) (row DAURow, err error) {
		var d time.Time
		err = r.Scan(&d, &row.DAU)
		row.Date = calendar.DateOf(d).String()
		return row, err
	})
	if err != nil || !q.Fill {
		return rows, err
	}
	return fill(rows, func(r DAURow) string { return r.Date }, q.Zone.Dates(calendar.Day, q.From, q.To),
		func(d calendar.Date) DAURow { return DAURow{Date: d.String()} }), nil
}

func (q DAU) sums(ctx context.Context, view *rollup.View, _ Source) (any, bool, error) {
	question, slots, ok := q.ask(view, q.Range, calendar.Day)
	if !ok {
		return nil, false, nil
	}
	rows := []DAURow{}
	for _, b := range byBucket(slots) {
		users, err := question.CountUsers(ctx, b.periods...)
		if err != nil {
			return nil, true, err
		}
		if users > 0 || q.Fill {
			rows = append(rows, DAURow{calendar.Date(b.bucket).String(), int64(users)})
		}
	}
	return rows, true, nil
}

// fill returns a row for each of dates: the one there is, or an empty one.
func fill[T any](rows []T, date func(T) string, dates []calendar.Date, empty func(calendar.Date) T) []T {
	full := make([]T, 0, len(dates))
	for _, d := range dates {
		if len(rows) > 0 && date(rows[0]) == d.String() {
			full, rows = append(full, rows[0]), rows[1:]
		} else {
			full = append(full, empty(d))
		}
	}
	return full
}
