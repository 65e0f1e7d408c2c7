package question

import (
	"context"
	"time"

	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

var sessions = define[SessionsParams, Sessions](Info{
	Name: "sessions", Path: "/api/stats/sessions", Summary: "Visits",
	Description: "A session is a user's events with no more than gap from each to the next. It belongs to the bucket of its first event, whole; one that began before the range is not counted. " +
		"Sessions are made of all events; filter and segment keep those with an event for which both hold. A breakdown splits them by the first event that has the field, or by entry.F and exit.F, the field F at the first and last event; it adds a column for each field, and the column group.",
	Shorten: "to", ShortenBy: "ask for a shorter range, a longer interval or a smaller top",
	Rows: []Row{
		{"SessionsRow", Sessions{}.Columns()},
		{"SessionsGroupRow", append(Sessions{}.Columns(), groupColumn)},
	},
})

// SessionsParams are the parameters of sessions.
type SessionsParams struct {
	DayParams
	IntervalParams
	GapParams
	UnitParams
	SplitParams
	FilterParams
}

// Question resolves the parameters.
func (p *SessionsParams) Question(now time.Time) (Question, error) {
	q := Sessions{Interval: p.interval(p.Interval, p.WeekStart)}
	var err error
	if q.Days, q.Scope, err = parseRangeBy(&p.DayParams, &p.FilterParams, now, syntax.OfSessions); err != nil {
		return nil, err
	}
	if err := q.bound(q.Days); err != nil {
		return nil, err
	}
	if q.Gap, err = p.gap(); err != nil {
		return nil, err
	}
	if q.Unit, err = p.unit(); err != nil {
		return nil, err
	}
	q.Split, err = p.splitBy(syntax.OfSessions)
	return q, err
}

// Sessions asks for the sessions that begin in each bucket of a range.
type Sessions struct {
	Days
	Interval
	Gap  Duration     `json:"gap"`  // longest time from an event of a session to the next
	Unit syntax.Field `json:"unit"` // what has sessions
	Split
	Scope
}

// Columns returns those of a row for each bucket and group.
func (q Sessions) Columns() []Column {
	columns := []Column{{Name: "bucket", Doc: "First day of the bucket, or its hour or minute as RFC 3339"}}
	columns = append(columns, q.columns()...)
	return append(columns,
		Column{Name: "sessions", Kind: Integer, Doc: "Sessions that begin in the bucket"},
		Column{Name: "users", Kind: Integer, Doc: "Distinct users who have them"},
		Column{Name: "sessions_per_user", Kind: Number, Nullable: true, Doc: "sessions / users; null without any"},
		Column{Name: "events_per_session", Kind: Number, Nullable: true, Doc: "Events of the sessions / sessions"},
		Column{Name: "bounces", Kind: Integer, Doc: "Sessions of one event"},
		Column{Name: "bounce_rate", Kind: Number, Nullable: true, Doc: "bounces / sessions"},
		Column{Name: "avg_seconds", Kind: Number, Nullable: true, Doc: "Average time from the first event of a session to the last, in seconds"},
		Column{Name: "median_seconds", Kind: Number, Nullable: true, Doc: "Median of it"},
		incomplete)
}

// ClockKey names the bucket that is incomplete.
func (q Sessions) ClockKey(now, completeUntil time.Time) string {
	return clockKey(q.Days, q.Scope, q.unit(), now, completeUntil)
}

// Answer returns the rows by bucket, then by group.
func (q Sessions) Answer(ctx context.Context, src *engine.Source) (*Table, error) {
	buckets := bucketsOf(q.Days, q.Scope, q.unit(), src)
	found, err := src.Sessions(ctx, engine.Sessions{
		Scope: q.events(), Range: q.dates(), Unit: unitOf(q.Unit), Gap: time.Duration(q.Gap), Interval: buckets.unit,
		Breakdown: q.Breakdown, Top: q.Top, Total: q.Total,
	})
	if err != nil {
		return nil, err
	}
	groups := q.groupsOf(found.Ranked)
	all := list(q.Timezone, buckets.unit, q.Days)
	if q.Fill != "" && len(all)*len(groups.cells) > engine.MaxRows {
		return nil, engine.ErrTooManyRows
	}
	rows, cells := NewTable(ctx, q.Columns(), len(all)), found.Cells
	for _, bucket := range all {
		byGroup := make([]engine.SessionCell, len(groups.cells))
		for ; len(cells) > 0 && cells[0].Bucket == bucket; cells = cells[1:] {
			if at := groups.place(cells[0].Group); at >= 0 {
				byGroup[at] = cells[0]
			}
		}
		label, open := TextOf(buckets.label(bucket)), BoolOf(buckets.incomplete(bucket))
		for i, c := range byGroup {
			if c.Sessions == 0 && q.Fill == "" {
				continue
			}
			row := append([]Value{label}, groups.cells[i]...)
			if err := rows.Add(append(append(row, sessionValues(c)...), open)...); err != nil {
				return nil, err
			}
		}
	}
	return rows, nil
}

// sessionValues are the values of a cell, whose rates of nothing are null.
func sessionValues(c engine.SessionCell) []Value {
	rate := func(n, of int64) Value { return NumberOf(float64(n) / float64(of)) }
	if c.Sessions == 0 {
		return []Value{IntegerOf(0), IntegerOf(0), NullNumber, NullNumber, IntegerOf(0), NullNumber, NullNumber, NullNumber}
	}
	return []Value{
		IntegerOf(c.Sessions), IntegerOf(c.Users), rate(c.Sessions, c.Users), rate(c.Events, c.Sessions),
		IntegerOf(c.Bounces), rate(c.Bounces, c.Sessions), NumberOf(c.AvgSeconds), NumberOf(c.MedianSeconds),
	}
}
