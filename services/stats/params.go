package stats

import (
	"time"

	"eventanalytics/pkg/calendar"
	"eventanalytics/services/stats/metric"
)

// DAUParams are the parameters of dau.
type DAUParams struct {
	Days
	Common
}

func (p *DAUParams) question(time.Time) (metric.Query, Resolved, error) {
	q, r, err := ranged(&p.Common, &p.Days)
	return metric.DAU{Scope: q.Scope, Range: q.Range, Fill: p.Fill != ""}, r, err
}

// scopeRange is what questions about a range of days have in common.
type scopeRange struct {
	metric.Scope
	metric.Range
}

func ranged(c *Common, d *Days) (q scopeRange, r Resolved, err error) {
	if q.Range, err = d.days(&r); err == nil {
		q.Scope, err = c.scope(&r)
	}
	return q, r, err
}

// TopEventsParams are the parameters of top-events.
type TopEventsParams struct {
	Days
	Limit   int    `query:"limit" json:"limit,omitempty" default:"10" minimum:"1" maximum:"1000" doc:"Maximum number of rows"`
	Include string `query:"include" json:"include,omitempty" enum:"users" doc:"users: with the distinct users of each type over the whole range"`
	Common
}

func (p *TopEventsParams) question(time.Time) (metric.Query, Resolved, error) {
	q, r, err := ranged(&p.Common, &p.Days)
	r.Limit, r.Include = p.Limit, p.Include
	return metric.TopEvents{Scope: q.Scope, Range: q.Range, Limit: p.Limit, Users: p.Include != ""}, r, err
}

// RetentionParams are the parameters of retention.
type RetentionParams struct {
	StartDate          string `query:"start_date" json:"start_date,omitempty" format:"date" minLength:"1" doc:"Cohorts from the week, day or month of this day on; required" example:"2025-08-01"`
	EndDate            string `query:"end_date" json:"end_date,omitempty" format:"date" minLength:"1" doc:"Cohorts up to the week, day or month of this day; default today; at most 3,660 days"`
	Windows            int    `query:"windows" json:"windows,omitempty" default:"4" minimum:"1" maximum:"52" doc:"How many windows, counted from 0"`
	Granularity        string `query:"granularity" json:"granularity,omitempty" default:"week" enum:"week,day,month" doc:"Length of cohorts and windows"`
	Cohort             string `query:"cohort" json:"cohort,omitempty" default:"first_ever" enum:"first_ever,in_period" doc:"A user belongs to the cohort of the first event ever, or of the first on or after start_date"`
	EventType          string `query:"event_type" json:"event_type,omitempty" minLength:"1" maxLength:"200" doc:"Only such events found a cohort; default any"`
	ReturningEventType string `query:"returning_event_type" json:"returning_event_type,omitempty" minLength:"1" maxLength:"200" doc:"Only such events count as a return; default any"`
	Common
}

func (p *RetentionParams) question(now time.Time) (metric.Query, Resolved, error) {
	r := Resolved{
		Windows: p.Windows, Granularity: p.Granularity, Cohort: p.Cohort,
		EventType: p.EventType, ReturningEventType: p.ReturningEventType,
	}
	scope, err := p.scope(&r)
	if err != nil {
		return nil, r, err
	}
	if p.StartDate == "" {
		return nil, r, invalid("start_date", "is required")
	}
	if p.EndDate == "" {
		p.EndDate = scope.Zone.Date(now.UnixMicro()).String()
	}
	days, err := dayRange(named{"start_date", p.StartDate}, named{"end_date", p.EndDate})
	r.StartDate, r.EndDate = days.From.String(), days.To.String()
	return metric.Retention{
		Scope: scope, Range: days, Unit: calendar.Unit(p.Granularity), Windows: p.Windows,
		InPeriod: p.Cohort == "in_period", Founding: p.EventType, Returning: p.ReturningEventType,
	}, r, err
}

// EventsParams are the parameters of events.
type EventsParams struct {
	Days
	Interval string `query:"interval" json:"interval,omitempty" default:"day" enum:"hour,day,week,month" doc:"Length of the buckets; weeks begin on Monday"`
	By       string `query:"by" json:"by,omitempty" enum:"event_type" doc:"event_type: a row for each type in each bucket"`
	Common
}

func (p *EventsParams) question(time.Time) (metric.Query, Resolved, error) {
	q, r, err := ranged(&p.Common, &p.Days)
	r.Interval, r.By = p.Interval, p.By
	return metric.Events{
		Scope: q.Scope, Range: q.Range, Interval: calendar.Unit(p.Interval), ByType: p.By != "", Fill: p.Fill != "",
	}, r, err
}

// ActiveUsersParams are the parameters of active-users.
type ActiveUsersParams struct {
	Days
	Window int `query:"window" json:"window,omitempty" default:"7" minimum:"1" maximum:"90" doc:"Days of the rolling window that ends with each day: 7 for weekly, 30 for monthly active users"`
	Common
}

func (p *ActiveUsersParams) question(time.Time) (metric.Query, Resolved, error) {
	q, r, err := ranged(&p.Common, &p.Days)
	r.Window = p.Window
	return metric.ActiveUsers{Scope: q.Scope, Range: q.Range, Window: p.Window, Fill: p.Fill != ""}, r, err
}

// EventTypesParams are the parameters of event-types.
type EventTypesParams struct{ Common }

func (p *EventTypesParams) question(time.Time) (metric.Query, Resolved, error) {
	var r Resolved
	scope, err := p.scope(&r)
	return metric.EventTypes{Scope: scope}, r, err
}

// LatestParams are the parameters of events/latest.
type LatestParams struct {
	Limit int `query:"limit" json:"limit,omitempty" default:"10" minimum:"1" maximum:"1000" doc:"Maximum number of rows"`
	Common
}

func (p *LatestParams) question(time.Time) (metric.Query, Resolved, error) {
	r := Resolved{Limit: p.Limit}
	scope, err := p.scope(&r)
	return metric.LatestEvents{Scope: scope, Limit: p.Limit}, r, err
}

// EventParams are the parameters of events/{event_id}.
type EventParams struct {
	EventID string `path:"event_id" json:"-" doc:"Identity of the event" example:"25a4b866-040b-466f-945c-148e4720f511"`
	Answering
}

func (p *EventParams) question(time.Time) (metric.Query, Resolved, error) {
	id, err := parseID(p.EventID)
	if err != nil {
		return nil, Resolved{}, err
	}
	r := Resolved{EventID: id.String()}
	zone, err := p.zone(&r)
	return metric.OneEvent{Scope: metric.Scope{Zone: zone}, ID: id}, r, err
}
