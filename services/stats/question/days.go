package question

import (
	"context"
	"time"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

// DayParams are the parameters of a range of days.
type DayParams struct {
	From     string `query:"from" json:"from,omitempty" minLength:"1" doc:"First day; required; YYYY-MM-DD, today, yesterday, or so many days, weeks, months or years before today: -7d, -4w, -3mo, -1y" example:"2025-08-01"`
	FromDate string `query:"from_date" json:"from_date,omitempty" minLength:"1" doc:"Another name of from; only one of them may be given"`
	To       string `query:"to" json:"to,omitempty" minLength:"1" doc:"Last day, inclusive, as from; required; at most 3,660 days" example:"2025-08-31"`
	ToDate   string `query:"to_date" json:"to_date,omitempty" minLength:"1" doc:"Another name of to; only one of them may be given"`
}

// Days are the local dates that a question is about, both inclusive.
type Days struct {
	From calendar.Date `json:"from" format:"date"`
	To   calendar.Date `json:"to" format:"date"`
}

// About names the days in the name of a file.
func (d Days) About() string { return d.From.String() + "_" + d.To.String() }

func (d Days) dates() engine.Range { return engine.Range{From: d.From, To: d.To} }

func (p *DayParams) days(today calendar.Date) (Days, error) {
	from, err := alias("from", p.From, "from_date", p.FromDate)
	if err != nil {
		return Days{}, err
	}
	to, err := alias("to", p.To, "to_date", p.ToDate)
	if err != nil {
		return Days{}, err
	}
	return parseDays(from, to, today)
}

// param is a parameter under the name that it was given by.
type param struct{ name, value string }

// alias returns the parameter under whichever of its names it was given.
func alias(name, value, other, otherValue string) (param, error) {
	switch {
	case value != "" && otherValue != "":
		return param{}, invalid(other, "is another name of %s, only one of them may be given", name)
	case otherValue != "":
		return param{other, otherValue}, nil
	case value == "":
		return param{}, invalid(name, "is required")
	}
	return param{name, value}, nil
}

// maxDays is the longest range.
const maxDays = 3660

// parseDay reads a date, or a day relative to today.
func parseDay(p param, today calendar.Date) (calendar.Date, error) {
	d, isRelative := relativeDay(p.value, today)
	if !isRelative {
		var err error
		if d, err = calendar.ParseDate(p.value); err != nil {
			return 0, invalid(p.name, "%s, today, yesterday or before today as in -7d, -4w, -3mo, -1y", err)
		}
	}
	if d < engine.FirstDate {
		return 0, invalid(p.name, "%s is before the year 1", p.value)
	}
	return d, nil
}

func parseDays(from, to param, today calendar.Date) (Days, error) {
	first, err := parseDay(from, today)
	if err != nil {
		return Days{}, err
	}
	last, err := parseDay(to, today)
	if err != nil {
		return Days{}, err
	}
	if first > last {
		return Days{}, invalid(from.name, "%s is after %s, %s", first, to.name, last)
	}
	if n := last - first + 1; n > maxDays {
		return Days{}, invalid(to.name, "the range has %d days, at most %d are allowed", n, maxDays)
	}
	return Days{first, last}, nil
}

// parseRange reads what questions about a range of days have in common.
func parseRange(d *DayParams, f *FilterParams, now time.Time) (days Days, scope Scope, err error) {
	return parseRangeBy(d, f, now, syntax.Everywhere)
}

// parseRangeBy reads it with a filter on fields that a grammar has.
func parseRangeBy(d *DayParams, f *FilterParams, now time.Time, g syntax.Grammar) (days Days, scope Scope, err error) {
	if scope, err = f.scopeBy(g); err == nil {
		days, err = d.days(scope.Timezone.Date(now.UnixMicro()))
	}
	return days, scope, err
}

// dayTable makes rows of a date and its users: for the days with users, or with fill
// for all days that the zone did not skip.
func dayTable(ctx context.Context, columns []Column, users []engine.DayUsers, d Days, s Scope, src *engine.Source) (*Table, error) {
	buckets := bucketsOf(d, s, calendar.Day, src)
	add := func(rows *Table, day calendar.Date, users int64) error {
		return rows.Add(TextOf(day.String()), IntegerOf(users), BoolOf(buckets.incomplete(int64(day))))
	}
	if s.Fill == "" {
		rows := NewTable(ctx, columns, len(users))
		for _, u := range users {
			if err := add(rows, u.Day, u.Users); err != nil {
				return nil, err
			}
		}
		return rows, nil
	}
	days := s.Timezone.Dates(calendar.Day, d.From, d.To)
	rows := NewTable(ctx, columns, len(days))
	for _, day := range days {
		var n int64
		if len(users) > 0 && users[0].Day == day {
			n, users = users[0].Users, users[1:]
		}
		if err := add(rows, day, n); err != nil {
			return nil, err
		}
	}
	return rows, nil
}
