package oracle_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/oracle"
)

// Worked by hand. Week of Monday 2025-08-04: users a and b; of the 11th: c.
var events = []oracle.Event{
	{UserID: "a", Type: "login", At: at("2025-08-04T00:00:00Z")},
	{UserID: "a", Type: "view", At: at("2025-08-04T23:59:59Z")},
	{UserID: "b", Type: "view", At: at("2025-08-10T23:00:00Z")}, // Monday the 11th in Kyiv
	{UserID: "a", Type: "view", At: at("2025-08-12T12:00:00Z")},
	{UserID: "c", Type: "login", At: at("2025-08-13T12:00:00Z")},
	{UserID: "b", Type: "buy", At: at("2025-08-25T12:00:00Z")},
}

var now = at("2025-08-27T00:00:00Z") // a Wednesday

func TestDAU(t *testing.T) {
	t.Parallel()
	require.Equal(t, []oracle.DayUsers{{"2025-08-04", 1, false}, {"2025-08-10", 1, false}, {"2025-08-12", 1, false}},
		oracle.DAU(events, "2025-08-04", "2025-08-12", time.UTC))
	require.Equal(t, []oracle.DayUsers{{"2025-08-11", 1, false}}, oracle.DAU(events, "2025-08-06", "2025-08-11", kyiv(t)))
	require.Empty(t, oracle.DAU(events, "2025-09-01", "2025-09-30", time.UTC))
}

func TestTopEvents(t *testing.T) {
	t.Parallel()
	all := []oracle.TypeCount{{"view", 3}, {"login", 2}, {"buy", 1}}
	require.Equal(t, all, oracle.TopEvents(events, "2025-08-04", "2025-08-25", time.UTC, 10))
	require.Equal(t, all[:1], oracle.TopEvents(events, "2025-08-04", "2025-08-25", time.UTC, 1))
	require.Equal(t, []oracle.TypeCount{{"login", 1}, {"view", 1}},
		oracle.TopEvents(events, "2025-08-04", "2025-08-04", time.UTC, 10), "equal counts go by name")
}

func TestTopEventsUsers(t *testing.T) {
	t.Parallel()
	require.Equal(t, []oracle.TypeUsers{{"view", 3, 2}, {"login", 2, 2}},
		oracle.TopEventsUsers(events, "2025-08-04", "2025-08-25", time.UTC, 2))
}

func TestActiveUsers(t *testing.T) {
	t.Parallel()
	require.Equal(t, []oracle.DayActive{{"2025-08-10", 1, false}, {"2025-08-11", 1, false}, {"2025-08-12", 2, false}, {"2025-08-13", 2, false}, {"2025-08-14", 2, false}, {"2025-08-15", 1, false}},
		oracle.ActiveUsers(events, "2025-08-09", "2025-08-20", time.UTC, 3))
	require.Equal(t, []oracle.DayActive{{"2025-08-04", 1, false}, {"2025-08-05", 1, false}},
		oracle.ActiveUsers(events, "2025-08-04", "2025-08-10", kyiv(t), 1), "the last view of the 4th is on the 5th in Kyiv")
}

func TestEvents(t *testing.T) {
	t.Parallel()
	require.Equal(t, []oracle.BucketCount{{"2025-08-04", "", 3, 2, false}, {"2025-08-11", "", 2, 2, false}, {"2025-08-25", "", 1, 1, false}},
		oracle.Events(events, "2025-08-01", "2025-08-31", time.UTC, "week", false))
	require.Equal(t, []oracle.BucketCount{{"2025-08-04", "login", 1, 1, false}, {"2025-08-05", "view", 1, 1, false}},
		oracle.Events(events, "2025-08-04", "2025-08-10", kyiv(t), "day", true))
	require.Equal(t, []oracle.BucketCount{{"2025-08-01", "", 5, 3, false}},
		oracle.Events(events, "2025-08-04", "2025-08-13", time.UTC, "month", false), "what lies in the range only")
}

func TestIncomplete(t *testing.T) {
	t.Parallel()
	until := at("2025-08-12T22:30:00Z") // the 13th in Kyiv
	incomplete := func(unit, label, from, to string, zone *time.Location) bool {
		return oracle.Incomplete(unit, label, from, to, zone, until)
	}
	require.False(t, incomplete("day", "2025-08-11", "2025-08-11", "2025-08-20", time.UTC))
	require.True(t, incomplete("day", "2025-08-12", "2025-08-11", "2025-08-20", time.UTC))
	require.False(t, incomplete("day", "2025-08-12", "2025-08-11", "2025-08-20", kyiv(t)))
	require.False(t, incomplete("week", "2025-08-04", "2025-08-04", "2025-08-10", time.UTC))
	require.True(t, incomplete("week", "2025-08-04", "2025-08-05", "2025-08-10", time.UTC), "the range cuts its begin")
	require.True(t, incomplete("week", "2025-08-04", "2025-08-04", "2025-08-09", time.UTC), "the range cuts its end")
	require.True(t, incomplete("month", "2025-08-01", "2025-08-01", "2025-08-31", time.UTC))
	require.False(t, incomplete("hour", "2025-08-12T21:00:00Z", "2025-08-01", "2025-08-31", time.UTC))
	require.True(t, incomplete("hour", "2025-08-12T22:00:00Z", "2025-08-01", "2025-08-31", time.UTC))
}

func TestRetention(t *testing.T) {
	t.Parallel()
	weekly := oracle.Retention{
		Start: "2025-08-04", End: "2025-08-13", Windows: 4, Granularity: "week", Zone: time.UTC, Now: now,
	}
	require.Equal(t, []oracle.CohortWindow{
		{"2025-08-04", 0, 2, 2, 1, false},
		{"2025-08-04", 1, 2, 1, 0.5, false},
		{"2025-08-04", 2, 2, 0, 0, false},
		{"2025-08-04", 3, 2, 1, 0.5, true},
		{"2025-08-11", 0, 1, 1, 1, false},
		{"2025-08-11", 1, 1, 0, 0, false},
		{"2025-08-11", 2, 1, 0, 0, true},
	}, weekly.Rows(events))

	shifted := weekly
	shifted.Zone = kyiv(t)
	shifted.Windows = 1
	require.Equal(t, []oracle.CohortWindow{
		{"2025-08-04", 0, 1, 1, 1, false},
		{"2025-08-11", 0, 2, 2, 1, false},
	}, shifted.Rows(events))

	later := weekly
	later.Start, later.Windows = "2025-08-12", 1
	require.Equal(t, []oracle.CohortWindow{{"2025-08-11", 0, 1, 1, 1, false}}, later.Rows(events), "a was there before")
	later.InPeriod = true
	require.Equal(t, []oracle.CohortWindow{{"2025-08-11", 0, 2, 2, 1, false}}, later.Rows(events))

	typed := weekly
	typed.Founding, typed.Returning = "view", "buy"
	require.Equal(t, []oracle.CohortWindow{
		{"2025-08-04", 0, 2, 2, 1, false},
		{"2025-08-04", 1, 2, 0, 0, false},
		{"2025-08-04", 2, 2, 0, 0, false},
		{"2025-08-04", 3, 2, 1, 0.5, true},
	}, typed.Rows(events))

	monthly := weekly
	monthly.Granularity = "month"
	require.Equal(t, []oracle.CohortWindow{{"2025-08-01", 0, 3, 3, 1, true}}, monthly.Rows(events))

	daily := weekly
	daily.Granularity, daily.End, daily.Windows = "day", "2025-08-04", 2
	require.Equal(t, []oracle.CohortWindow{
		{"2025-08-04", 0, 1, 1, 1, false},
		{"2025-08-04", 1, 1, 0, 0, false},
	}, daily.Rows(events))
}

func TestReadCSV(t *testing.T) {
	t.Parallel()
	got, err := oracle.ReadCSV(strings.NewReader("event_id,occurred_at,user_id,event_type,properties_json\n" +
		"x,2025-08-21T06:52:34+03:00,1,view_item,\"{\"\"a\"\":1}\"\n"))
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, "1", got[0].UserID)
	require.Equal(t, "view_item", got[0].Type)
	require.True(t, got[0].At.Equal(at("2025-08-21T03:52:34Z")))

	_, err = oracle.ReadCSV(strings.NewReader("event_id,occurred_at,user_id,event_type\nx,yesterday,1,view\n"))
	require.ErrorContains(t, err, "reading event 0")
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func kyiv(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Kyiv")
	require.NoError(t, err)
	return zone
}
