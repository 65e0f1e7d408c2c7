package question

import (
	"context"
	"time"

	"github.com/google/uuid"

	"eventanalytics/services/stats/engine"
)

var timeline = define[TimelineParams, Timeline](Info{
	Name: "timeline", Path: "/api/stats/profiles/{user_id}/events", Summary: "Events of one user",
	Description: "The visible events of a user in their order, the last one first: by occurred_at, then by event_type and event_id.",
	Shorten:     "limit", ShortenBy: "ask for fewer events",
	Private: true,
	Rows:    []Row{{"EventRow", eventColumns}},
})

// TimelineParams are the parameters of profiles/{user_id}/events.
type TimelineParams struct {
	UserID string `path:"user_id" json:"-" maxLength:"200" doc:"Identity of the user" example:"42"`
	Limit  int    `query:"limit" json:"limit,omitempty" default:"100" minimum:"1" maximum:"1000" doc:"Maximum number of rows"`
	After  string `query:"after" json:"after,omitempty" doc:"event_id of the last row of an answer: only the events that come after it"`
	FilterParams
}

// Question resolves the parameters.
func (p *TimelineParams) Question(time.Time) (Question, error) {
	q := Timeline{UserID: p.UserID, Limit: p.Limit}
	var err error
	if q.Scope, err = p.scope(); err != nil {
		return nil, err
	}
	q.After, err = eventID("after", p.After)
	return q, err
}

// Timeline asks for the events of a user.
type Timeline struct {
	UserID string     `json:"user_id"`
	Limit  int        `json:"limit"`
	After  *uuid.UUID `json:"after,omitempty" format:"uuid"`
	Scope
}

// Columns returns those of a row for each event.
func (Timeline) Columns() []Column { return eventColumns }

// Answer returns the rows, the last one first.
func (q Timeline) Answer(ctx context.Context, src *engine.Source) (*Table, error) {
	scan := engine.Timeline{Scope: q.events(), UserID: q.UserID, After: q.After, Limit: q.Limit}
	events, err := src.Timeline(ctx, scan)
	if err != nil {
		return nil, err
	}
	if len(events) == 0 && q.After != nil {
		if err := q.requireUsers(ctx, src); err != nil {
			return nil, err
		}
	}
	return eventTable(ctx, events, q.Timezone)
}

// requireUsers refuses to go on after an event that is not the user's: no event would
// ever come.
func (q Timeline) requireUsers(ctx context.Context, src *engine.Source) error {
	after, err := src.Event(ctx, *q.After)
	if err != nil {
		return err
	}
	same := false
	if len(after) > 0 {
		if same, err = src.Same(ctx, q.UserID, after[0].UserID); err != nil {
			return err
		}
	}
	if !same {
		return invalid("after", "is not an event of the user")
	}
	return nil
}
