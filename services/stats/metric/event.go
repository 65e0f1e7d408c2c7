package metric

import (
	"context"
	"database/sql"
	_ "embed"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
)

var (
	//go:embed event_one.sql
	oneEventSQL string
	//go:embed event_latest.sql
	latestEventsSQL string
)

// EventRow is a row of OneEvent and LatestEvents.
type EventRow struct {
	EventID    string `json:"event_id" format:"uuid" doc:"Identity of the event"`
	OccurredAt string `json:"occurred_at" format:"date-time" doc:"When it happened, in the time zone"`
	UserID     string `json:"user_id" doc:"Whose event it is"`
	EventType  string `json:"event_type" doc:"What happened"`
	Properties JSON   `json:"properties" parquet:"properties,optional" doc:"As sent, or null"`
}

// JSON is a JSON document as text; empty stands for null.
type JSON string

// MarshalJSON returns the document itself.
func (j JSON) MarshalJSON() ([]byte, error) {
	if j == "" {
		return []byte("null"), nil
	}
	return []byte(j), nil
}

// Schema is what JSON looks like in the OpenAPI document.
func (JSON) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{{Type: huma.TypeObject, AdditionalProperties: true}, {Type: "null"}}}
}

// OneEvent asks for the event with an id.
type OneEvent struct {
	Scope
	ID uuid.UUID
}

// Name returns "event".
func (OneEvent) Name() string { return "event" }

// Rows returns []EventRow with one row, or none.
func (q OneEvent) Rows(ctx context.Context, src Source) (any, error) {
	return collect(ctx, src, q.statement(oneEventSQL, always()).named("event_id", q.ID.String()), q.event)
}

// LatestEvents asks for the visible events that happened last.
type LatestEvents struct {
	Scope
	Limit int
}

// Name returns "latest-events".
func (LatestEvents) Name() string { return "latest-events" }

// Rows returns []EventRow, the newest first.
func (q LatestEvents) Rows(ctx context.Context, src Source) (any, error) {
	return collect(ctx, src, q.statement(latestEventsSQL, always()).named("limit", q.Limit), q.event)
}

func (s Scope) event(r *sql.Rows) (row EventRow, err error) {
	var us int64
	err = r.Scan(&row.EventID, &us, &row.UserID, &row.EventType, &row.Properties)
	row.OccurredAt = s.Zone.Format(us)
	return row, err
}
