package metric

import (
	"context"
	"database/sql"
	_ "embed"
	"time"

	"eventanalytics/pkg/calendar"
)

//go:embed active_users.sql
var activeUsersSQL string

// ActiveUsers asks, for each day of a range, for the distinct users of the
// window of days that ends with it: weekly active users with a window of 7.
type ActiveUsers struct {
	Scope
	Range
	Window int  // calendar days, the day itself included
	Fill   bool // with rows for days without users
}

// ActiveUsersRow is a row of ActiveUsers.
type ActiveUsersRow struct {
	Date        string `json:"date" format:"date" doc:"Last day of the window"`
	ActiveUsers int64  `json:"active_users" doc:"Distinct users with an event in the window"`
}

// Name returns "active-users".
func (ActiveUsers) Name() string { return "active-users" }

// Rows returns []ActiveUsersRow, by date.
func (q ActiveUsers) Rows(ctx context.Context, src Source) (any, error) {
	p, ok := q.days(q.From-calendar.Date(q.Window-1), q.To)
	if !ok {
		return []ActiveUsersRow{}, nil
	}
	type change struct {
		day   calendar.Date
		users int64 // from that day on
	}
	changes, err := collect(ctx, src, q.statement(activeUsersSQL, p).named("window", q.Window), func(r *sql.Rows) (c change, err error) {
		var d time.Time
		err = r.Scan(&d, &c.users)
		c.day = calendar.DateOf(d)
		return c, err
	})
	if err != nil {
		return nil, err
	}
	rows := []ActiveUsersRow{}
	var users int64
	for _, d := range q.Zone.Dates(calendar.Day, q.From, q.To) {
		for len(changes) > 0 && changes[0].day <= d {
			users, changes = changes[0].users, changes[1:]
		}
		if users > 0 || q.Fill {
			rows = append(rows, ActiveUsersRow{d.String(), users})
		}
	}
	return rows, nil
}
