package clickhouse

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"eventanalytics/pkg/calendar"
	"eventanalytics/services/stats/engine"
)

var (
	//go:embed users.sql
	usersSQL string
	//go:embed users_rolling.sql
	usersRollingSQL string
)

// Users serves a scan.
func (e *Engine) Users(ctx context.Context, u engine.Users) ([]engine.DayUsers, error) {
	p, exists := engine.Range{From: u.From - calendar.Date(u.Window-1), To: u.To}.Period(u.Zone)
	if !exists {
		return nil, nil
	}
	if u.Window == 1 {
		return e.dayUsers(ctx, newStatement(u.Scope, usersSQL, p))
	}
	st := newStatement(u.Scope, usersRollingSQL, p)
	st.markers = append(st.markers, "{{window}}", st.integer(int64(u.Window)), "{{last}}", st.integer(int64(p.Last)))
	changes, err := e.dayUsers(ctx, st)
	if err != nil {
		return nil, err
	}
	var rows []engine.DayUsers
	var users int64
	for _, day := range u.Zone.Dates(calendar.Day, u.From, u.To) {
		for len(changes) > 0 && changes[0].Day <= day {
			users, changes = users+changes[0].Users, changes[1:]
		}
		if users > 0 {
			rows = append(rows, engine.DayUsers{Day: day, Users: users})
		}
	}
	return rows, nil
}

func (e *Engine) dayUsers(ctx context.Context, st *statement) ([]engine.DayUsers, error) {
	result := engine.NewResult[engine.DayUsers](ctx)
	err := e.run(ctx, st, func(r driver.Rows) error {
		var day, users int64
		if err := r.Scan(&day, &users); err != nil {
			return fmt.Errorf("reading a day's users: %w", err)
		}
		return result.Add(engine.DayUsers{Day: calendar.Date(day), Users: users})
	})
	return result.Rows, err
}
