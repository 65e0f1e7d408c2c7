package duckdb

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"time"

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
	if u.Window == 1 {
		p, exists := u.Period(u.Zone)
		if !exists {
			return nil, nil
		}
		return e.dayUsers(ctx, newStatement(u.Scope, usersSQL, p))
	}
	p, exists := engine.Range{From: u.From - calendar.Date(u.Window-1), To: u.To}.Period(u.Zone)
	if !exists {
		return nil, nil
	}
	changes, err := e.dayUsers(ctx, newStatement(u.Scope, usersRollingSQL, p).with("window", u.Window))
	if err != nil {
		return nil, err
	}
	var rows []engine.DayUsers
	var users int64
	for _, day := range u.Zone.Dates(calendar.Day, u.From, u.To) {
		for len(changes) > 0 && changes[0].Day <= day {
			users, changes = changes[0].Users, changes[1:]
		}
		if users > 0 {
			rows = append(rows, engine.DayUsers{Day: day, Users: users})
		}
	}
	return rows, nil
}

func (e *Engine) dayUsers(ctx context.Context, st *statement) ([]engine.DayUsers, error) {
	result := engine.NewResult[engine.DayUsers](ctx)
	err := e.run(ctx, st, func(r *sql.Rows) error {
		var day time.Time
		var users int64
		if err := r.Scan(&day, &users); err != nil {
			return fmt.Errorf("reading a day's users: %w", err)
		}
		return result.Add(engine.DayUsers{Day: calendar.DateOf(day), Users: users})
	})
	return result.Rows, err
}
