package oracle_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/oracle"
)

// Monday to Wednesday.
var sales = []oracle.Event{
	{ID: "1", UserID: "a", Type: "buy", At: at("2025-08-04T10:00:00Z"), Properties: `{"c":"UA","price":10}`},
	{ID: "2", UserID: "a", Type: "buy", At: at("2025-08-04T11:00:00Z"), Properties: `{"c":"PL","price":0.1}`},
	{ID: "3", UserID: "b", Type: "buy", At: at("2025-08-04T12:00:00Z"), Properties: `{"c":"UA","price":0.2}`},
	{ID: "4", UserID: "b", Type: "view", At: at("2025-08-04T13:00:00Z")},
	{ID: "5", UserID: "c", Type: "buy", At: at("2025-08-05T10:00:00Z"), Properties: `{"price":"5"}`},
	{ID: "6", UserID: "a", Type: "view", At: at("2025-08-06T10:00:00Z"), Properties: `{"c":"PL"}`},
	{ID: "7", UserID: "d", Type: "buy", At: at("2025-08-06T11:00:00Z"), Properties: `{"c":"DE","price":-4}`},
	{ID: "8", UserID: "c", Type: "buy", At: at("2025-08-06T12:00:00Z"), Properties: `{"c":"PL","price":3}`},
}

var (
	country = field("properties", "c")
	price   = field("properties", "price")
	usersOf = oracle.Measure{Name: "users"}
)

func measured(name string, types ...string) oracle.Series {
	return oracle.Series{Types: types, Measure: oracle.Measure{Name: name, Field: price}}
}

// trends asks about days with all events there.
func trends(from, to string, series ...oracle.Series) oracle.Trends {
	return oracle.Trends{
		Scope:  oracle.Scope{From: from, To: to, Zone: time.UTC, Now: at("2026-01-01T00:00:00Z"), CompleteUntil: at("2026-01-01T00:00:00Z")},
		Split:  oracle.Split{Top: 10, Other: true},
		Series: series, Interval: "day",
	}
}

// line writes a row as a line.
func line(cells ...any) string {
	var texts []string
	for _, c := range cells {
		switch c {
		case nil:
			texts = append(texts, "null")
		case true:
			texts = append(texts, "incomplete")
		case false:
		default:
			texts = append(texts, fmt.Sprint(c))
		}
	}
	return strings.Join(texts, " ")
}

func requireRows(t *testing.T, q oracle.Trends, events []oracle.Event, want ...string) {
	t.Helper()
	var got []string
	for _, row := range q.Rows(events) {
		got = append(got, line(q.Cells(row)...))
	}
	require.Equal(t, want, got)
}

func TestTrends(t *testing.T) {
	t.Parallel()
	q := trends("2025-08-03", "2025-08-06", measured("users"), oracle.Series{Types: []string{"buy", "sell"}, Name: "Bought", Measure: oracle.Measure{Name: "events"}})
	requireRows(t, q, sales,
		"2025-08-04 A 2", "2025-08-04 Bought 3", "2025-08-05 A 1", "2025-08-05 Bought 1", "2025-08-06 A 3", "2025-08-06 Bought 2")
	q.Filter = condition(country, "=", "PL")
	requireRows(t, q, sales, "2025-08-04 A 1", "2025-08-04 Bought 1", "2025-08-06 A 2", "2025-08-06 Bought 1")
	q.Series[1].Filter = condition(price, ">", "1")
	requireRows(t, q, sales, "2025-08-04 A 1", "2025-08-06 A 2", "2025-08-06 Bought 1")
	q.Fill = true
	requireRows(t, q, sales, "2025-08-03 A 0", "2025-08-03 Bought 0", "2025-08-04 A 1", "2025-08-04 Bought 0",
		"2025-08-05 A 0", "2025-08-05 Bought 0", "2025-08-06 A 2", "2025-08-06 Bought 1")
}

func TestMeasures(t *testing.T) {
	t.Parallel()
	of := func(events []oracle.Event, name string, f oracle.Field) string {
		q := trends("2025-08-04", "2025-08-06", oracle.Series{Measure: oracle.Measure{Name: name, Field: f}})
		q.Interval, q.Fill = "all", true
		rows := q.Rows(events)
		require.Len(t, rows, 1)
		return line(q.Cells(rows[0])[2])
	}
	for name, want := range map[string]string{
		"users": "4", "events": "8", "per_user": "2", "sum": "9.3", "avg": "1.86", "min": "-4", "max": "10",
		"median": "0.2", "p75": "3", "p90": "7.2", "p95": "8.6", "p99": "9.72", "distinct": "6",
	} {
		require.Equal(t, want, of(sales, name, price), name)
	}
	for name, want := range map[string]string{
		"users": "0", "events": "0", "per_user": "null", "sum": "0", "avg": "null", "min": "null", "max": "null",
		"median": "null", "p75": "null", "p90": "null", "p95": "null", "p99": "null", "distinct": "0",
	} {
		require.Equal(t, want, of(nil, name, price), name)
	}
	require.Equal(t, "0", of(sales, "sum", country), "texts are no numbers")
	require.Equal(t, "null", of(sales, "avg", country))
	require.Equal(t, "3", of(sales, "distinct", country))
	require.Equal(t, "13", of(sales, "max", field("time.hour")))

	prices := func(values ...string) (events []oracle.Event) {
		for _, v := range values {
			events = append(events, oracle.Event{UserID: "a", At: at("2025-08-04T10:00:00Z"), Properties: `{"price":` + v + `}`})
		}
		return events
	}
	require.Equal(t, "0.3", of(prices("0.1", "0.2"), "sum", price))
	require.Equal(t, "1", of(prices("1e300", "1", "-1e300"), "sum", price))
	require.Equal(t, "9.007199254740992e+15", of(prices("9007199254740993", "-1"), "sum", price))
	require.Equal(t, "9.007199254740994e+15", of(prices("9007199254740993", "1"), "sum", price))
	require.Equal(t, "0.2", of(prices("0.1", "0.2", "0.3"), "avg", price))
	require.Equal(t, "null", of(prices("1e308", "1e308"), "sum", price), "too large for a float64")
	require.Equal(t, "1e+308", of(prices("1e308", "1e308"), "avg", price))
	require.Equal(t, "0.15", of(prices("0.1", "0.2"), "median", price))
	require.Equal(t, "1e+308", of(prices("1e308", "1e308"), "median", price))
	require.Equal(t, "3", of(prices("42", "42.0", `"42"`, "null", `"null"`, "[1.0]"), "distinct", price))
	require.Equal(t, "4", of(prices("[1]", "[1.0]", `""`, "false"), "distinct", price))
}

func TestIntervals(t *testing.T) {
	t.Parallel()
	q := trends("2024-12-30", "2025-08-06", measured("events"))
	early := oracle.Event{ID: "0", UserID: "a", Type: "view", At: at("2024-12-31T23:59:59.999999Z")}
	for interval, want := range map[string][]string{
		"week":          {"2024-12-30 A 1", "2025-08-04 A 8 incomplete"},
		"week-sunday":   {"2024-12-29 A 1 incomplete", "2025-08-03 A 8 incomplete"},
		"week-saturday": {"2024-12-28 A 1 incomplete", "2025-08-02 A 8 incomplete"},
		"month":         {"2024-12-01 A 1 incomplete", "2025-08-01 A 8 incomplete"},
		"quarter":       {"2024-10-01 A 1 incomplete", "2025-07-01 A 8 incomplete"},
		"year":          {"2024-01-01 A 1 incomplete", "2025-01-01 A 8 incomplete"},
		"all":           {"2024-12-30 A 9"},
	} {
		q.Interval = interval
		requireRows(t, q, append(sales, early), want...)
	}
	q.From, q.To, q.Interval = "2025-07-01", "2025-09-30", "quarter"
	requireRows(t, q, sales, "2025-07-01 A 8")
	q.To = "2025-08-31"
	requireRows(t, q, sales, "2025-07-01 A 8 incomplete")
	q.From, q.To, q.Zone = "2025-08-04", "2025-08-04", kyiv(t)
	q.Interval, q.CompleteUntil = "hour", at("2025-08-04T13:30:00Z")
	requireRows(t, q, sales, "2025-08-04T13:00:00+03:00 A 1", "2025-08-04T14:00:00+03:00 A 1", "2025-08-04T15:00:00+03:00 A 1",
		"2025-08-04T16:00:00+03:00 A 1 incomplete")
	q.Interval = "minute"
	requireRows(t, q, []oracle.Event{{At: at("2025-08-04T13:29:59.999Z")}, {At: at("2025-08-04T13:30:00Z")}, {At: at("2025-08-04T21:00:00Z")}},
		"2025-08-04T16:29:00+03:00 A 1", "2025-08-04T16:30:00+03:00 A 1 incomplete")
	require.Len(t, oracle.Buckets("minute", "2025-10-26", "2025-10-26", kyiv(t)), 25*60)

	q = trends("2025-08-04", "2025-08-04", measured("events"))
	q.Interval, q.Now = "all", at("2025-08-04T23:59:59Z")
	requireRows(t, q, sales, "2025-08-04 A 4 incomplete")
	q.Now = at("2025-08-05T00:00:00Z")
	requireRows(t, q, sales, "2025-08-04 A 4")
}

func TestBreakdown(t *testing.T) {
	t.Parallel()
	q := trends("2025-08-04", "2025-08-06", measured("users"))
	q.Breakdown = []oracle.Breakdown{{Field: country}}
	q.Interval = "all"
	all := []string{"2025-08-04 A PL value 2", "2025-08-04 A UA value 2", "2025-08-04 A null value 2", "2025-08-04 A DE value 1"}
	requireRows(t, q, sales, all...)
	q.Top = 4
	requireRows(t, q, sales, all...)
	q.Top, q.Total = 2, true
	requireRows(t, q, sales, all[0], all[1], "2025-08-04 A null other 3", "2025-08-04 A null all 4")
	q.Other = false
	requireRows(t, q, sales, all[0], all[1], "2025-08-04 A null all 4")

	q.Interval, q.Other = "day", true
	requireRows(t, q, sales,
		"2025-08-04 A PL value 1", "2025-08-04 A UA value 2", "2025-08-04 A null other 1", "2025-08-04 A null all 2",
		"2025-08-05 A null other 1", "2025-08-05 A null all 1",
		"2025-08-06 A PL value 2", "2025-08-06 A null other 1", "2025-08-06 A null all 3")
	q.Fill, q.From = true, "2025-08-05" // PL and missing (c) before UA, which is none
	requireRows(t, q, sales,
		"2025-08-05 A PL value 0", "2025-08-05 A DE value 0", "2025-08-05 A null other 1", "2025-08-05 A null all 1",
		"2025-08-06 A PL value 2", "2025-08-06 A DE value 1", "2025-08-06 A null other 0", "2025-08-06 A null all 3")
	q.Top = 3
	requireRows(t, q, sales,
		"2025-08-05 A PL value 0", "2025-08-05 A DE value 0", "2025-08-05 A null value 1", "2025-08-05 A null all 1",
		"2025-08-06 A PL value 2", "2025-08-06 A DE value 1", "2025-08-06 A null value 0", "2025-08-06 A null all 3")
	requireRows(t, q, nil, "2025-08-05 A null all 0", "2025-08-06 A null all 0")

	q = trends("2025-08-04", "2025-08-06", measured("users"))
	q.Breakdown, q.Interval = []oracle.Breakdown{{Field: field("event_type")}, {Field: country}}, "all"
	requireRows(t, q, sales, "2025-08-04 A buy PL value 2", "2025-08-04 A buy UA value 2", "2025-08-04 A buy DE value 1",
		"2025-08-04 A buy null value 1", "2025-08-04 A view PL value 1", "2025-08-04 A view null value 1")
	q.Top = 1
	requireRows(t, q, sales, "2025-08-04 A buy PL value 2", "2025-08-04 A null null other 4")
}

// TestGroupsAreOfTheQuestion: the first series orders them, every series makes them.
func TestGroupsAreOfTheQuestion(t *testing.T) {
	t.Parallel()
	q := trends("2025-08-04", "2025-08-06", measured("sum", "buy"), measured("users", "view"))
	q.Breakdown, q.Interval = []oracle.Breakdown{{Field: country}}, "all"
	requireRows(t, q, sales,
		"2025-08-04 A UA value 10.2", "2025-08-04 A PL value 3.1", "2025-08-04 A null value 0", "2025-08-04 A DE value -4",
		"2025-08-04 B PL value 1", "2025-08-04 B null value 1")
	q.Series[0] = measured("avg", "buy")
	requireRows(t, q, sales,
		"2025-08-04 A UA value 5.1", "2025-08-04 A PL value 1.55", "2025-08-04 A DE value -4", "2025-08-04 A null value null",
		"2025-08-04 B PL value 1", "2025-08-04 B null value 1")
	q.Series[0].Filter, q.Top = condition(country, "=", "UA"), 1
	requireRows(t, q, sales, "2025-08-04 A UA value 5.1", "2025-08-04 B null other 2")
	q.Fill = true
	requireRows(t, q, sales, "2025-08-04 A UA value 5.1", "2025-08-04 A null other null",
		"2025-08-04 B UA value 0", "2025-08-04 B null other 2")
}

func TestBins(t *testing.T) {
	t.Parallel()
	q := trends("2025-08-04", "2025-08-06", measured("users"))
	q.Breakdown, q.Interval = []oracle.Breakdown{{Field: price, Bins: []string{"0", "1", "3.0"}}}, "all"
	requireRows(t, q, sales, "2025-08-04 A null value 3", "2025-08-04 A >=3 value 2", "2025-08-04 A [0,1) value 2", "2025-08-04 A <0 value 1")
	q.Breakdown[0].Bins = []string{"0.2"}
	requireRows(t, q, sales, "2025-08-04 A >=0.2 value 3", "2025-08-04 A null value 3", "2025-08-04 A <0.2 value 2")
	q.Breakdown[0].Bins = []string{"-4", "10", "1e2"}
	requireRows(t, q, sales, "2025-08-04 A [-4,10) value 4", "2025-08-04 A null value 3", "2025-08-04 A [10,100) value 1")
}

// TestValuesOfGroups: a group is a text, however the value was written.
func TestValuesOfGroups(t *testing.T) {
	t.Parallel()
	var events []oracle.Event
	for i, v := range []string{"10", "10.0", `"10"`, `"10.0"`, "null", `"null"`, `""`, "true", "[1, 2]", "1.50", "1e41", "15e-1"} {
		events = append(events, oracle.Event{UserID: fmt.Sprint(i), At: at("2025-08-04T10:00:00Z"), Properties: `{"c":` + v + `}`})
	}
	events = append(events, oracle.Event{UserID: "missing", At: at("2025-08-04T10:00:00Z")})
	q := trends("2025-08-04", "2025-08-04", measured("users"))
	q.Breakdown, q.Top = []oracle.Breakdown{{Field: country}}, 20
	requireRows(t, q, events,
		"2025-08-04 A 10 value 3", "2025-08-04 A 1.5 value 2", "2025-08-04 A null value 2",
		"2025-08-04 A  value 1", "2025-08-04 A 10.0 value 1", "2025-08-04 A 1e+41 value 1", "2025-08-04 A [1,2] value 1", "2025-08-04 A true value 1", "2025-08-04 A null value 1")
}

func TestFirst(t *testing.T) {
	t.Parallel()
	first := measured("users", "buy")
	first.First = true
	q := trends("2025-08-05", "2025-08-06", first)
	requireRows(t, q, sales, "2025-08-05 A 1", "2025-08-06 A 1")
	q.From = "2025-08-04"
	requireRows(t, q, sales, "2025-08-04 A 2", "2025-08-05 A 1", "2025-08-06 A 1")
	q.Series[0].Filter = condition(country, "=", "PL")
	requireRows(t, q, sales, "2025-08-04 A 1", "2025-08-06 A 1")
	q.Series[0].Filter, q.Filter = nil, condition(price, "<", "1")
	requireRows(t, q, sales, "2025-08-04 A 2", "2025-08-06 A 1")

	// At one instant the type decides, then the id, whatever arrived first.
	ties := []oracle.Event{
		{ID: "1", UserID: "a", Type: "view", At: at("2025-08-04T10:00:00Z"), Properties: `{"c":"type"}`},
		{ID: "3", UserID: "a", Type: "buy", At: at("2025-08-04T10:00:00Z"), Properties: `{"c":"id"}`},
		{ID: "2", UserID: "a", Type: "buy", At: at("2025-08-04T10:00:00Z"), Properties: `{"c":"first"}`},
	}
	q = trends("2025-08-04", "2025-08-04", oracle.Series{First: true, Measure: usersOf})
	q.Breakdown = []oracle.Breakdown{{Field: country}}
	requireRows(t, q, ties, "2025-08-04 A first value 1")
}

func TestUnit(t *testing.T) {
	t.Parallel()
	q := trends("2025-08-04", "2025-08-06", measured("users"), measured("events"), measured("per_user"), oracle.Series{First: true, Measure: usersOf})
	q.Unit = country
	requireRows(t, q, sales,
		"2025-08-04 A 2", "2025-08-04 B 3", "2025-08-04 C 1.5", "2025-08-04 D 2",
		"2025-08-06 A 2", "2025-08-06 B 3", "2025-08-06 C 1.5", "2025-08-06 D 1")
	q = trends("2025-08-06", "2025-08-06", measured("events"))
	q.Unit, q.Breakdown = country, []oracle.Breakdown{{Field: field("first", "c")}}
	requireRows(t, q, sales, "2025-08-06 A DE value 1", "2025-08-06 A PL value 1", "2025-08-06 A UA value 1") // of d, c and a
}

func TestRolling(t *testing.T) {
	t.Parallel()
	rolling := func(from, to string, n int) oracle.Trends {
		q := trends(from, to, measured("users"))
		q.Series[0].Rolling = n
		return q
	}
	requireRows(t, rolling("2025-08-05", "2025-08-09", 2), sales, "2025-08-05 A 3", "2025-08-06 A 3", "2025-08-07 A 3")

	weeks := []oracle.Event{
		{UserID: "far", At: at("2025-08-03T23:00:00Z")}, {UserID: "c", At: at("2025-08-04T10:00:00Z")},
		{UserID: "a", At: at("2025-08-11T10:00:00Z")}, {UserID: "b", At: at("2025-08-13T10:00:00Z")}, {UserID: "later", At: at("2025-08-15T10:00:00Z")},
	}
	q := rolling("2025-08-13", "2025-08-14", 2)
	q.Interval = "week"
	requireRows(t, q, weeks, "2025-08-11 A 3 incomplete") // a is before from, in the bucket
	q.Series[0].Rolling = 0
	requireRows(t, q, weeks, "2025-08-11 A 1 incomplete")

	q = rolling("2011-12-31", "2011-12-31", 2)
	zone, err := time.LoadLocation("Pacific/Apia")
	require.NoError(t, err)
	q.Zone = zone
	samoa := []oracle.Event{{UserID: "a", At: at("2011-12-30T09:00:00Z")}, {UserID: "b", At: at("2011-12-30T11:00:00Z")}}
	requireRows(t, q, samoa, "2011-12-31 A 2") // the 30th never was: the bucket before is the 29th
	q.From, q.To, q.Interval, q.Series[0].Rolling, q.Fill = "2011-12-30", "2011-12-30", "all", 0, true
	requireRows(t, q, samoa)

	q = rolling("2025-10-26", "2025-10-26", 2)
	q.Zone, q.Interval = kyiv(t), "hour"
	hours := []oracle.Event{{UserID: "a", At: at("2025-10-25T20:00:00Z")}, {UserID: "b", At: at("2025-10-26T00:30:00Z")}, {UserID: "c", At: at("2025-10-26T01:30:00Z")}}
	requireRows(t, q, hours, "2025-10-26T00:00:00+03:00 A 1", // 23:00 of the day before
		"2025-10-26T03:00:00+03:00 A 1", "2025-10-26T03:00:00+02:00 A 2", "2025-10-26T04:00:00+02:00 A 1")

	// A country of the days before the range is in other, where that exists.
	q = rolling("2025-08-05", "2025-08-06", 2)
	q.Breakdown, q.Top = []oracle.Breakdown{{Field: country}}, 2 // PL, DE; missing is in other
	requireRows(t, q, sales,
		"2025-08-05 A PL value 1", "2025-08-05 A null other 3", // a, b, c
		"2025-08-06 A PL value 2", "2025-08-06 A DE value 1", "2025-08-06 A null other 1")
	q.Top = 3
	requireRows(t, q, sales,
		"2025-08-05 A PL value 1", "2025-08-05 A null value 2", // b, c; UA is in no group
		"2025-08-06 A PL value 2", "2025-08-06 A DE value 1", "2025-08-06 A null value 1")
}

func TestCumulative(t *testing.T) {
	t.Parallel()
	q := trends("2025-08-05", "2025-08-08", measured("users"), measured("events", "buy"))
	q.Cumulative = true
	requireRows(t, q, sales, "2025-08-05 A 1", "2025-08-05 B 1", "2025-08-06 A 3", "2025-08-06 B 3",
		"2025-08-07 A 3", "2025-08-07 B 3", "2025-08-08 A 3", "2025-08-08 B 3")
	q.From = "2025-08-03"
	q.To = "2025-08-06"
	requireRows(t, q, sales, "2025-08-04 A 2", "2025-08-04 B 3", "2025-08-05 A 3", "2025-08-05 B 4", "2025-08-06 A 4", "2025-08-06 B 6")
}

func TestCompare(t *testing.T) {
	t.Parallel()
	compare := func(from, to, with string, series ...oracle.Series) oracle.Trends {
		q := trends(from, to, series...)
		q.Compare = with
		return q
	}
	requireRows(t, compare("2025-08-06", "2025-08-07", "previous", measured("users"), measured("avg")), sales,
		"2025-08-06 A 3 2025-08-04 2", "2025-08-06 B -0.5 2025-08-04 3.433333333333333",
		"2025-08-07 A 0 2025-08-05 1", "2025-08-07 B null 2025-08-05 null")
	requireRows(t, compare("2025-08-06", "2025-08-06", "1d", measured("users")), sales, "2025-08-06 A 3 2025-08-05 1")
	requireRows(t, compare("2025-08-13", "2025-08-13", "1w", measured("users")), sales, "2025-08-13 A 0 2025-08-06 3")
	requireRows(t, compare("2026-08-06", "2026-08-06", "1y", measured("users")), sales, "2026-08-06 A 0 2025-08-06 3 incomplete")
	requireRows(t, compare("2025-08-05", "2025-08-07", "2d", measured("users")), sales,
		"2025-08-05 A 1 2025-08-03 0", "2025-08-06 A 3 2025-08-04 2", "2025-08-07 A 0 2025-08-05 1")

	days := []oracle.Event{{UserID: "a", At: at("2025-02-28T10:00:00Z")}, {UserID: "b", At: at("2025-03-29T10:00:00Z")}, {UserID: "c", At: at("2025-03-31T10:00:00Z")}}
	q := compare("2025-03-29", "2025-03-31", "1mo", measured("users")) // with the 28th alone
	requireRows(t, q, days, "2025-03-29 A 1 2025-02-28 1", "2025-03-31 A 1 null null")
	q.Fill = true
	requireRows(t, q, days, "2025-03-29 A 1 2025-02-28 1", "2025-03-30 A 0 null null", "2025-03-31 A 1 null null")

	q = compare("2025-08-06", "2025-08-06", "2d", measured("users"))
	q.Breakdown, q.Total = []oracle.Breakdown{{Field: country}}, true // PL, DE; UA and missing are on the 4th alone
	requireRows(t, q, sales, "2025-08-06 A PL value 2 2025-08-04 1", "2025-08-06 A DE value 1 2025-08-04 0", "2025-08-06 A null all 3 2025-08-04 2")
	q.Top = 1
	requireRows(t, q, sales, "2025-08-06 A PL value 2 2025-08-04 1", "2025-08-06 A null other 1 2025-08-04 2", "2025-08-06 A null all 3 2025-08-04 2")

	q = compare("2025-08-06", "2025-08-06", "2d", measured("users"))
	q.Filter = condition(field("last_seen"), "since", "2025-08-05")
	requireRows(t, q, sales, "2025-08-06 A 3 2025-08-04 0") // as of the end of the 4th nobody was seen on the 5th

	q = compare("2025-08-06", "2025-08-06", "2d", measured("users"))
	q.Series[0].Rolling = 2
	requireRows(t, q, sales, "2025-08-06 A 3 2025-08-04 2")
	q.Series[0].Rolling, q.Interval = 0, "all"
	requireRows(t, q, sales, "2025-08-06 A 3 2025-08-04 2")
}

func TestFormulas(t *testing.T) {
	t.Parallel()
	q := trends("2025-08-04", "2025-08-06", measured("users", "buy"), measured("users", "view"))
	q.Formulas = []oracle.Formula{{Text: "B / A"}, {Text: "A/B", Name: "Reverse"}, {Text: "B*2"}}
	requireRows(t, q, sales,
		"2025-08-04 A 2", "2025-08-04 B 1", "2025-08-04 B / A 0.5", "2025-08-04 Reverse 2", "2025-08-04 B*2 2",
		"2025-08-05 A 1", "2025-08-05 B / A 0", "2025-08-05 Reverse null",
		"2025-08-06 A 2", "2025-08-06 B 1", "2025-08-06 B / A 0.5", "2025-08-06 Reverse 2", "2025-08-06 B*2 2")
	q.Formulas, q.Compare, q.From = q.Formulas[:1], "1d", "2025-08-06"
	requireRows(t, q, sales, "2025-08-06 A 2 2025-08-05 1", "2025-08-06 B 1 2025-08-05 0", "2025-08-06 B / A 0.5 2025-08-05 0")

	q = trends("2025-08-04", "2025-08-06", measured("avg", "view"), measured("users"))
	q.Interval = "all" // A is null, B is 4
	for text, want := range map[string]any{
		"A+B": nil, "B-A*0": nil, "B-1-1": 2.0, "B-(1-1)": 4.0, "B/2*4": 8.0, "B+2*3": 10.0, "(B+2)*3": 18.0, "-B+1": -3.0,
		"1/(B-4)": nil, "0/(B-4)": nil, "B--1.5": 5.5, "B*0.25": 1.0,
	} {
		q.Formulas = []oracle.Formula{{Text: text}}
		rows := q.Rows(sales)
		cells := q.Cells(rows[len(rows)-1])
		require.Equal(t, []any{text, want}, cells[1:3])
	}
}
