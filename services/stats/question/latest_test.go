package question_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/oracle"
	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/question"
)

// The latest events are found however far back they are, behind any number of others.
func TestLatestLooksBack(t *testing.T) {
	w := newWorld(t)
	last := time.Date(2025, 8, 1, 12, 0, 0, 0, time.UTC)
	at := func(back time.Duration, eventType string) event.Event {
		return event.Event{ID: uuid.New(), OccurredAt: last.Add(-back).UnixMicro(), UserID: "1", Type: eventType}
	}
	var many, few []event.Event
	for i := range 500 {
		many = append(many, at(time.Duration(i)*100*time.Millisecond, "view"))
	}
	for _, back := range []time.Duration{time.Minute, 20 * time.Minute, 20 * time.Minute, 9 * time.Hour, 90 * 24 * time.Hour, 3000 * 24 * time.Hour} {
		few = append(few, at(back, "buy"))
	}
	w.add(t, 1, append(many, few[:3]...))
	w.add(t, 1, few[3:])
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	buy, err := syntax.ParseSegment("event_type:buy")
	require.NoError(t, err)
	var events []oracle.Event
	for _, e := range few {
		events = append(events, naive(e))
	}
	d := w.data(t, 1, last)
	for limit := 1; limit < 9; limit++ {
		q := question.LatestEvents{Limit: limit, Scope: question.Scope{Timezone: zone, Segment: []syntax.Condition{buy}}}
		require.Equal(t, fields(oracle.Latest(events, time.UTC, limit)), d.rows(t, q), "limit %d", limit)
	}
	// Page by page they are the same, also around the many of others.
	model := fields(oracle.Latest(events, time.UTC, len(events)))
	var before *uuid.UUID
	for i := 0; i < len(model); i += 2 {
		page := d.rows(t, question.LatestEvents{Limit: 2, Before: before, Scope: question.Scope{Timezone: zone, Segment: []syntax.Condition{buy}}})
		require.Equal(t, model[i:min(i+2, len(model))], page, "from %d", i)
		last := uuid.MustParse(page[len(page)-1][0].(string))
		before = &last
	}
	require.Empty(t, d.rows(t, question.LatestEvents{Limit: 2, Before: before, Scope: question.Scope{Timezone: zone, Segment: []syntax.Condition{buy}}}))
	require.Len(t, d.rows(t, question.LatestEvents{Limit: 1000, Scope: question.Scope{Timezone: zone}}), 506)
}
