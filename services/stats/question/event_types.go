package question

import (
	"context"
	"time"

	"eventanalytics/services/stats/engine"
)

var eventTypes = define[EventTypesParams, EventTypes](Info{
	Name: "event-types", Path: "/api/stats/event-types", Summary: "All event types",
	Description: "By name, with the times of the first and the last such event.",
	Shorten:     "limit", ShortenBy: "ask for fewer at a time",
	Rows: []Row{{"EventTypesRow", EventTypes{}.Columns()}},
})

// EventTypesParams are the parameters of event-types.
type EventTypesParams struct{ FilterParams }

// Question resolves the parameters.
func (p *EventTypesParams) Question(time.Time) (Question, error) {
	scope, err := p.scope()
	return EventTypes{scope}, err
}

// EventTypes asks for all event types of a project.
type EventTypes struct{ Scope }

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
	types, err := src.Values(ctx, engine.Values{Scope: q.events(), Field: engine.EventType})
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
