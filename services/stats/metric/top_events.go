package metric

import (
	"cmp"
	"context"
	"database/sql"
	_ "embed"
	"slices"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/warehouse/rollup"
)

var (
	//go:embed top_events.sql
	topEventsSQL string
	//go:embed top_events_users.sql
	topEventsUsersSQL string
)

// TopEvents asks for the most frequent event types of a range.
type TopEvents struct {
	Scope
	Range
	Limit int
	Users bool // with the distinct users of each type
}

// TopEventsRow is a row of TopEvents.
type TopEventsRow struct {
	EventType  string `json:"event_type" doc:"Type of the events"`
	TotalCount int64  `json:"total_count" doc:"Events of the type in the range"`
}

// TopEventsUsersRow is a row of TopEvents with users.
type TopEventsUsersRow struct {
	EventType  string `json:"event_type" doc:"Type of the events"`
	TotalCount int64  `json:"total_count" doc:"Events of the type in the range"`
	Users      int64  `json:"users" doc:"Distinct users with such an event, over the whole range"`
}

// Name returns "top-events".
func (TopEvents) Name() string { return "top-events" }

// Rows returns []TopEventsRow or []TopEventsUsersRow, by count descending, then
// by name.
func (q TopEvents) Rows(ctx context.Context, src Source) (any, error) {
	p, ok := q.days(q.From, q.To)
	if q.Users {
		if !ok {
			return []TopEventsUsersRow{}, nil
		}
		return collect(ctx, src, q.statement(topEventsUsersSQL, p).named("limit", q.Limit), func(r *sql.Rows) (row TopEventsUsersRow, err error) {
			err = r.Scan(&row.EventType, &row.TotalCount, &row.Users)
			return row, err
		})
	}
	if !ok {
		return []TopEventsRow{}, nil
	}
	return collect(ctx, src, q.statement(topEventsSQL, p).named("limit", q.Limit), func(r *sql.Rows) (row TopEventsRow, err error) {
		err = r.Scan(&row.EventType, &row.TotalCount)
		return row, err
	})
}

func (q TopEvents) sums(ctx context.Context, view *rollup.View, _ Source) (any, bool, error) {
	question, slots, ok := q.ask(view, q.Range, calendar.Month)
	if !ok {
		return nil, false, nil
	}
	periods := periodsOf(slots)
	totals, err := question.Totals(ctx, periods...)
	if err != nil {
		return nil, true, err
	}
	rows := make([]TopEventsRow, 0, len(totals))
	for name, total := range totals {
		rows = append(rows, TopEventsRow{name, int64(total.Events)})
	}
	slices.SortFunc(rows, func(a, b TopEventsRow) int {
		return cmp.Or(cmp.Compare(b.TotalCount, a.TotalCount), cmp.Compare(a.EventType, b.EventType))
	})
	rows = rows[:min(q.Limit, len(rows))]
	if !q.Users {
		return rows, true, nil
	}
	withUsers := make([]TopEventsUsersRow, 0, len(rows))
	for _, row := range rows {
		users, err := question.Of(row.EventType).CountUsers(ctx, periods...)
		if err != nil {
			return nil, true, err
		}
		withUsers = append(withUsers, TopEventsUsersRow{row.EventType, row.TotalCount, int64(users)})
	}
	return withUsers, true, nil
}
