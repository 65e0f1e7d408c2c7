package oracle_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/oracle"
)

var days = oracle.Scope{From: "2025-08-04", To: "2025-08-06", Zone: time.UTC, Now: at("2025-08-20T00:00:00Z"), CompleteUntil: at("2025-08-20T00:00:00Z")}

// visits makes an event of the user at noon of each day of August.
func visits(user string, daysOfAugust ...int) (events []oracle.Event) {
	for _, day := range daysOfAugust {
		events = append(events, oracle.Event{UserID: user, Type: "visit", At: time.Date(2025, 8, day, 12, 0, 0, 0, time.UTC)})
	}
	return events
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	events := append(visits("a", 3, 4, 6, 6), append(visits("b", 4, 8), visits("c", 1, 5)...)...)
	q := oracle.Lifecycle{Scope: days, Interval: "day"}
	q.CompleteUntil = at("2025-08-06T12:00:00Z")
	requireLifecycle := func(want ...string) {
		t.Helper()
		var got []string
		for _, r := range q.Rows(events) {
			got = append(got, line(r.Bucket, r.Status, r.Users, r.Incomplete))
		}
		require.Equal(t, want, got)
	}
	requireLifecycle(
		"2025-08-04 new 1", "2025-08-04 returning 1", "2025-08-04 resurrecting 0", "2025-08-04 dormant 0",
		"2025-08-05 new 0", "2025-08-05 returning 0", "2025-08-05 resurrecting 1", "2025-08-05 dormant 2",
		"2025-08-06 new 0 incomplete", "2025-08-06 returning 0 incomplete", "2025-08-06 resurrecting 1 incomplete", "2025-08-06 dormant 1 incomplete")
	q.From, q.Interval, q.CompleteUntil = "2025-08-06", "week", q.Now // of Monday the 4th; a and c were there the week before
	requireLifecycle("2025-08-04 new 1", "2025-08-04 returning 2", "2025-08-04 resurrecting 0", "2025-08-04 dormant 0")
	q.Filter = condition(field("last_seen"), "since", "2025-08-06") // as of the end of the 6th: a alone
	requireLifecycle("2025-08-04 new 0", "2025-08-04 returning 1", "2025-08-04 resurrecting 0", "2025-08-04 dormant 0")
	q.Filter, q.Interval = nil, "week-sunday" // from the 3rd
	requireLifecycle("2025-08-03 new 2", "2025-08-03 returning 1", "2025-08-03 resurrecting 0", "2025-08-03 dormant 0")
	q.Interval = "month"
	requireLifecycle("2025-08-01 new 3 incomplete", "2025-08-01 returning 0 incomplete", "2025-08-01 resurrecting 0 incomplete", "2025-08-01 dormant 0 incomplete")
	q.Interval, q.From, q.To = "day", "2025-08-09", "2025-08-09"
	requireLifecycle("2025-08-09 new 0", "2025-08-09 returning 0", "2025-08-09 resurrecting 0", "2025-08-09 dormant 1")
	q.From, q.To, q.Series.First = "2025-08-04", "2025-08-04", true // of a the 3rd, of b the 4th
	requireLifecycle("2025-08-04 new 1", "2025-08-04 returning 0", "2025-08-04 resurrecting 0", "2025-08-04 dormant 1")
}

func TestStickiness(t *testing.T) {
	t.Parallel()
	events := append(visits("a", 3, 4, 5, 6, 6), append(visits("b", 4, 5, 5), visits("c", 1, 5, 7)...)...)
	q := oracle.Stickiness{Scope: days, Interval: "day", Least: 1}
	requireStickiness := func(want ...string) {
		t.Helper()
		var got []string
		for _, r := range q.Rows(events) {
			var share any
			if r.Share != nil {
				share = *r.Share
			}
			got = append(got, line(r.Buckets, r.Users, share))
		}
		require.Equal(t, want, got)
	}
	requireStickiness("1 1 0.3333333333333333", "2 1 0.3333333333333333", "3 1 0.3333333333333333")
	q.Cumulative = true
	requireStickiness("1 3 1", "2 2 0.6666666666666666", "3 1 0.3333333333333333")
	q.Cumulative, q.Least = false, 2 // a on the 6th, b on the 5th
	requireStickiness("1 2 1", "2 0 0", "3 0 0")
	q.Least = 3
	requireStickiness("1 0 null", "2 0 null", "3 0 null")
	q.Interval, q.From, q.To = "week", "2025-08-03", "2025-08-05" // two weeks, of which the events in the range count
	requireStickiness("1 1 1", "2 0 0")
	q.Unit, q.Least = field("event_type"), 1
	requireStickiness("1 0 0", "2 1 1")
}

func TestProperties(t *testing.T) {
	t.Parallel()
	var events []oracle.Event
	for i, properties := range []string{`{"b":1,"a.b":"x","n":null}`, `{"b":1.5,"a":{"b":1}}`, `{"b":false,"a":[true]}`, `{"b":"1","c":1e1}`, ``} {
		events = append(events, oracle.Event{UserID: "a", Type: map[bool]string{true: "buy"}[i == 1], At: at("2025-08-04T10:00:00Z"), Properties: properties})
	}
	events = append(events, oracle.Event{At: at("2025-08-07T00:00:00Z"), Properties: `{"later":1}`})
	q := oracle.Properties{Scope: days}
	require.Equal(t, []oracle.PropertyRow{
		{"b", "text,integer,number,boolean", 4, 0.8}, {"a", "array,object", 2, 0.4}, {"a.b", "text", 1, 0.2}, {"c", "integer", 1, 0.2}, {"n", "null", 1, 0.2},
	}, q.Rows(events))
	q.Series.Types = []string{"buy"}
	require.Equal(t, []oracle.PropertyRow{{"a", "object", 1, 1}, {"b", "number", 1, 1}}, q.Rows(events))
}

func TestPropertyValues(t *testing.T) {
	t.Parallel()
	q := oracle.PropertyValues{Scope: days, Property: country, Limit: 20}
	requireValues := func(want ...string) {
		t.Helper()
		var got []string
		for _, r := range q.Rows(sales) {
			var value any
			if r.Value != nil {
				value = *r.Value
			}
			got = append(got, line(value, r.Events, r.Users))
		}
		require.Equal(t, want, got)
	}
	requireValues("PL 3 2", "UA 2 2", "null 2 2", "DE 1 1")
	q.Limit = 2
	requireValues("PL 3 2", "UA 2 2")
	q.Q, q.Limit = "e", 20
	requireValues("DE 1 1")
	q.Q, q.Property = "", price // the text "5" is no number, and a value
	requireValues("null 2 2", "-4 1 1", "0.1 1 1", "0.2 1 1", "10 1 1", "3 1 1", "5 1 1")
	q.Series.Types = []string{"view"}
	requireValues("null 2 2")
}

func TestRetentionMore(t *testing.T) {
	t.Parallel()
	events := []oracle.Event{
		{ID: "1", UserID: "a", Type: "signup", At: at("2025-08-04T10:00:00Z"), Properties: `{"c":"UA"}`},
		{ID: "2", UserID: "a", Type: "buy", At: at("2025-08-04T10:00:00Z")}, // at the same instant
		{ID: "3", UserID: "a", Type: "buy", At: at("2025-08-06T10:00:00Z")},
		{ID: "4", UserID: "b", Type: "signup", At: at("2025-08-04T11:00:00Z")},
		{ID: "5", UserID: "b", Type: "signup", At: at("2025-08-04T12:00:00Z"), Properties: `{"c":"PL"}`},
		{ID: "6", UserID: "b", Type: "buy", At: at("2025-08-04T09:00:00Z"), Properties: `{"c":"DE"}`}, // before b was founded
		{ID: "7", UserID: "b", Type: "buy", At: at("2025-08-09T11:00:00Z")},
		{ID: "8", UserID: "c", Type: "signup", At: at("2025-08-05T10:00:00Z"), Properties: `{"c":"UA"}`},
		{ID: "9", UserID: "d", Type: "signup", At: at("2025-08-04T13:00:00Z")},
		{ID: "10", UserID: "d", Type: "signup", At: at("2025-08-05T13:00:00Z"), Properties: `{"c":"PL"}`}, // not in the cohort's bucket
	}
	base := oracle.Retention{
		Start: "2025-08-04", End: "2025-08-05", Windows: 4, Granularity: "day", Founding: "signup", Returning: "buy",
		Zone: time.UTC, Now: at("2025-08-20T00:00:00Z"), Split: oracle.Split{Top: 10, Other: true},
	}
	requireRetention := func(q oracle.Retention, want ...string) {
		t.Helper()
		var got []string
		for _, r := range q.Groups(events) {
			cells := []any{r.Cohort[8:]}
			for _, v := range r.Values {
				if v == nil {
					cells = append(cells, nil)
				} else {
					cells = append(cells, *v)
				}
			}
			if r.Name != "" {
				cells = append(cells, r.Name)
			}
			got = append(got, line(append(cells, r.Window, r.Retained, r.Size, r.Incomplete)...))
		}
		require.Equal(t, want, got)
	}
	q := base
	requireRetention(q, "04 0 3 3", "04 1 0 3", "04 2 1 3", "04 3 0 3", "05 0 1 1", "05 1 0 1", "05 2 0 1", "05 3 0 1")
	q.End, q.Returned = "2025-08-04", true
	requireRetention(q, "04 0 1 3", "04 1 0 3", "04 2 1 3", "04 3 0 3")
	q.Returning = "" // b signed up twice
	requireRetention(q, "04 0 2 3", "04 1 1 3", "04 2 1 3", "04 3 0 3")

	q.Returning, q.Mode = "buy", "after"
	requireRetention(q, "04 0 2 3", "04 1 2 3", "04 2 2 3", "04 3 1 3")
	q.Returned, q.CompleteUntil = false, at("2025-08-09T00:00:00Z") // when the bucket of b's return begins
	requireRetention(q, "04 0 3 3", "04 1 1 3", "04 2 1 3", "04 3 0 3")
	q.Windows, q.CompleteUntil = 6, at("2025-08-09T00:00:01Z")
	requireRetention(q, "04 0 3 3", "04 1 2 3", "04 2 2 3", "04 3 1 3", "04 4 1 3", "04 5 1 3 incomplete")

	q = base
	q.End, q.Mode, q.Brackets = "2025-08-04", "bracket", []int{1, 3, 7}
	requireRetention(q, "04 0 3 3", "04 1 1 3", "04 3 1 3")
	q.Brackets, q.Returned = []int{3, 5}, true // the 9th is the fifth day after
	requireRetention(q, "04 0 1 3", "04 3 0 3")
	q.Now, q.Brackets = at("2025-08-05T12:00:00Z"), []int{1, 3, 7}
	requireRetention(q, "04 0 1 3", "04 1 1 3 incomplete")

	q = base
	q.Windows, q.Breakdown, q.Total = 1, []oracle.Breakdown{{Field: country}}, true
	requireRetention(q, "04 UA value 0 1 1", "04 PL value 0 1 1", "04 null value 0 1 1", "04 null all 0 3 3", "05 UA value 0 1 1", "05 null all 0 1 1")
	q.Top = 1
	requireRetention(q, "04 UA value 0 1 1", "04 null other 0 2 2", "04 null all 0 3 3", "05 UA value 0 1 1", "05 null all 0 1 1")

	q = base
	q.Filter = condition(country, "=", "UA") // of founders, and of returns
	requireRetention(q, "04 0 1 1", "04 1 0 1", "04 2 0 1", "04 3 0 1", "05 0 1 1", "05 1 0 1", "05 2 0 1", "05 3 0 1")
	q.Filter, q.End, q.Windows, q.Mode = condition(field("first", "c"), "=", "UA"), "2025-08-04", 3, "after" // a
	requireRetention(q, "04 0 1 1", "04 1 1 1", "04 2 1 1")
	q.Filter, q.ReturningFilter = nil, condition(field("time.hour"), "=", "11") // b's
	requireRetention(q, "04 0 3 3", "04 1 1 3", "04 2 1 3")
}
