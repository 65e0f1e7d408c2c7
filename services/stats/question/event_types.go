package question

import (
	"context"
	"time"

	"eventanalytics/services/stats/engine"
)

var eventTypes = define[EventTypesParams, EventTypes](Info{
	Name: "event-types", Path: "/api/stats/event-types", Summary: "Event types",
	Description: "By name, in the order of code points, with the times of the first and the last such event. The event_type of the last row, as after, asks for those behind it.",
	Shorten:     "limit", ShortenBy: "ask for fewer at a time",
	Rows: []Row{{"EventTypesRow", EventTypes{}.Columns()}},
})

// EventTypesParams are the parameters of event-types.
type EventTypesParams struct {
	Limit int    `query:"limit" json:"limit,omitempty" default:"10000" minimum:"1" maximum:"50000" doc:"Maximum number of rows"`
	After string `query:"after" json:"after,omitempty" minLength:"1" maxLength:"200" doc:"Only types whose names come after this one"`
	FilterParams
}

// Question resolves the parameters.
func (p *EventTypesParams) Question(time.Time) (Question, error) {
	scope, err := p.scope()
	return EventTypes{p.Limit, p.After, scope}, err
}

// EventTypes asks for the event types of a project, so many at a time: whoever makes up
// more than an answer can have must not keep the others from being seen.
type EventTypes struct {
	Limit int    `json:"limit"`
	After string `json:"after,omitempty"`
	Scope
}

// Columns returns those of a row for each event type.
func (EventTypes) Columns() []Column {
	return []Column{
		{Name: "event_type", Doc: "Type of the events"},
		{Name: "first_seen", Format: "date-time", Doc: "occurred_at of the first such event, in the time zone"},
		{Name: "last_seen", Format: "date-time", Doc: "occurred_at of the last such event, in the time zone"},
	}
}

// Answer returns the rows by name.
func (q EventTypes) Answer(ctx context.Context, src *engine.Source) (*Table, error) {
	types, err := src.Values(ctx, engine.Values{Scope: q.events(), Field: engine.EventType, After: q.After, Limit: q.Limit})
	if err != nil {
		return nil, err
	}
	rows := NewTable(ctx, q.Columns(), len(types))
	for _, t := range types {
		if err := rows.Add(TextOf(t.Text), TextOf(q.Timezone.Format(t.First)), TextOf(q.Timezone.Format(t.Last))); err != nil {
			return nil, err
		}
	}
	return rows, nil
}
