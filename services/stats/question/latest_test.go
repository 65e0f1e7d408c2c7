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
	"eventanalytics/services/stats/engine"
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
	model := fields(oracle.Latest(events, time.UTC, len(events)))
	for _, e := range []engine.Engine{d.raw(), d.named(t)} {
		rows := func(limit int, before *uuid.UUID, segment ...syntax.Condition) [][]any {
			q := question.LatestEvents{Limit: limit, Before: before, Scope: question.Scope{Timezone: zone, Segment: segment}}
			rows, _, err := d.ask(t.Context(), q, e)
			require.NoError(t, err, e.Name())
			return rows
		}
		for limit := 1; limit < 9; limit++ {
			require.Equal(t, model[:min(limit, len(model))], rows(limit, nil, buy), "limit %d", limit)
		}
		// Page by page they are the same, also around the many of others.
		var before *uuid.UUID
		for i := 0; i < len(model); i += 2 {
			page := rows(2, before, buy)
			require.Equal(t, model[i:min(i+2, len(model))], page, "from %d", i)
			last := uuid.MustParse(page[len(page)-1][0].(string))
			before = &last
		}
		require.Len(t, rows(1000, nil), 506)
	}
	// Behind the last event there is none, which another engine must say of the first.
	id := uuid.MustParse(model[len(model)-1][0].(string))
	q := question.LatestEvents{Limit: 2, Before: &id, Scope: question.Scope{Timezone: zone, Segment: []syntax.Condition{buy}}}
	rows, _, err := d.ask(t.Context(), q, d.named(t), d.raw())
	require.NoError(t, err)
	require.Empty(t, rows)
	unknown := uuid.New()
	q.Before = &unknown
	_, _, err = d.ask(t.Context(), q, d.named(t), d.raw())
	require.ErrorContains(t, err, "before: is not an event")
}

// The latest events come by time and then by id, whichever segments they are in, whoever's
// they are and however many happened at one instant, and so do their pages.
func TestLatestPages(t *testing.T) {
	t.Parallel()
	g := seeded(t, uint64(time.Now().UnixNano()))
	w := newWorld(t)
	events := g.events(scenes[0], 120)
	for i := range events {
		events[i].OccurredAt = scenes[0].at().UnixMicro() + int64(g.IntN(9))
	}
	w.scatter(t, g, 1, events)
	w.add(t, 2, g.events(scenes[0], 10))
	d := w.data(t, 1, time.Time{})
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	var model []oracle.Event
	for _, e := range events {
		model = append(model, naive(e))
	}
	want := fields(oracle.Latest(model, time.UTC, len(events)))
	for _, e := range []engine.Engine{d.raw(), d.named(t)} {
		for _, limit := range []int{1, 7, 13, 1000} {
			q := question.LatestEvents{Limit: limit, Scope: question.Scope{Timezone: zone}}
			for left := want; len(left) > 0; {
				n := min(limit, len(left))
				got, _, err := d.ask(t.Context(), q, e)
				require.NoError(t, err)
				require.Equal(t, left[:n], got, "%s, pages of %d, %d left", e.Name(), limit, len(left))
				before := uuid.MustParse(left[n-1][0].(string))
				q.Before, left = &before, left[n:]
			}
		}
	}
}

// What users did lately needs an end to look back from, wherever in a filter it is: also
// where a number of times decides alone.
func TestLatelyNeedsAnEnd(t *testing.T) {
	w := newWorld(t)
	w.add(t, 1, []event.Event{{ID: uuid.New(), UserID: "1", Type: "view"}})
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	d := w.data(t, 1, time.Now())
	const lately = `{"did": {"event": "view"}, "last": "7d"}`
	lasting, err := syntax.ParseFilterJSON([]byte(lately))
	require.NoError(t, err)
	d.cohorts = map[string]engine.Cohort{"lately": {Key: "1", Filter: lasting}}
	for _, text := range []string{
		lately,
		`"cohort:lately"`,
		`{"not": ` + lately + `}`,
		`{"did": {"event": "view", "filter": "cohort:lately"}}`,
		`{"did": {"event": "view", "filter": "cohort:lately"}, "times": 0}`,
		`{"did": {"event": "view", "filter": ` + lately + `}, "times": "<0"}`,
		`{"did": {"event": "view", "filter": "cohort:lately", "first": true}, "times": 2}`,
		`{"funnel": {"steps": ["view", {"event": "buy", "filter": "cohort:lately"}]}, "reached": 1}`,
	} {
		f, err := syntax.ParseFilterJSON([]byte(text))
		require.NoError(t, err, text)
		q := question.EventTypes{Limit: 1, Scope: question.Scope{Timezone: zone, Filter: f}}
		_, _, err = d.ask(t.Context(), q, d.raw())
		require.ErrorIs(t, err, engine.ErrNoEnd, text)
	}
}
