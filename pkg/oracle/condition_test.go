package oracle_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/oracle"
)

func field(source string, keys ...string) oracle.Field {
	return oracle.Field{Source: source, Keys: keys}
}

func condition(f oracle.Field, op string, values ...string) oracle.Condition {
	return oracle.Condition{Field: f, Op: op, Values: values}
}

// TestConditions looks at one property, k, which has the value; an empty one is missing.
func TestConditions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value, op, want string
		holds           bool
	}{
		{`10`, "=", "10", true}, {`10`, "=", "10.0", true}, {`10.0`, "=", "10", true}, {`"10"`, "=", "1e1", true},
		{`"10.0"`, "=", "10.0", true}, {`"10.0"`, "=", "10", false}, {`1.50`, "=", "1.5", true}, {`"1.50"`, "=", "1.5", false},
		{`9007199254740993`, "=", "9007199254740992", false}, {`0.1`, "=", "1e-1", true},
		{`"UA"`, "=", "UA", true}, {`"UA"`, "=", "ua", false}, {`""`, "=", "", true}, {``, "=", "", false},
		{`true`, "=", "true", true}, {`"true"`, "=", "true", true}, {`null`, "=", "null", true}, {`null`, "=", "", false},
		{`[1.0, "a"]`, "=", `[1.0,"a"]`, true}, {`[1.0]`, "=", "[1]", false},
		{`"UA"`, "!=", "PL", true}, {`"UA"`, "!=", "UA", false}, {``, "!=", "UA", false}, {`null`, "!=", "UA", true},
		{`10.0`, "!=", "10", false},
		{`10`, ">", "9", true}, {`"99"`, ">", "9", false}, {`true`, ">", "0", false}, {`null`, "<", "1", false}, {`[5]`, ">", "1", false},
		{`9007199254740993`, ">", "9007199254740992", true}, {`0.30000000000000000001`, "<=", "0.3", false}, {`-0.0`, ">=", "0", true},
		{`"b"`, ">", "a", true}, {`"B"`, ">", "a", false}, {`5`, ">", "a", false}, {`"😀"`, ">", "ａ", true}, {`"10"`, ">=", "010", true},
		{`"abc"`, "~", "b", true}, {`"abc"`, "~", "B", false}, {`10.50`, "~", "0.5", true}, {`10.50`, "~", "50", false}, {``, "~", "a", false},
		{`"abc"`, "matches", "^a.c$", true}, {`"xabcx"`, "matches", "b", true}, {`"ABC"`, "matches", "b", false}, {`"ABC"`, "matches", "(?i)b", true},
		{`1.50`, "matches", `^1\.5$`, true}, {`"a\nc"`, "matches", "a.c", false}, {``, "matches", ".*", false},
		{`["a","b"]`, "has", "b", true}, {`["ab"]`, "has", "b", false}, {`"b"`, "has", "b", false}, {`[[1]]`, "has", "1", false},
		{`[1.0]`, "has", "1", true}, {`["1"]`, "has", "1.0", true}, {`[null]`, "has", "null", true}, {`{"b":1}`, "has", "b", false}, {`[[1]]`, "has", "[1]", true},
		{`"2025-08-04"`, "since", "2025-08-04", true}, {`"2025-08-04"`, "before", "2025-08-04", false}, {`"2025-08-03"`, "before", "2025-08-04", true},
		{`"2025-08-04T00:00:00+03:00"`, "since", "2025-08-04", false}, {`"2025-08-03T21:00:00-03:00"`, "since", "2025-08-04T00:00:00Z", true},
		{`"2025-08-04T00:00:00.000001Z"`, "before", "2025-08-04T00:00:00.000002Z", true},
		{`"2025-02-30"`, "since", "2025-01-01", false}, {`"2025-02-30"`, "before", "2026-01-01", false}, {`"yesterday"`, "before", "2026-01-01", false},
		{`20250804`, "since", "2025-01-01", false}, {``, "before", "2026-01-01", false},
		{`null`, "exists", "", true}, {`""`, "exists", "", true}, {``, "exists", "", false}, {``, "missing", "", true}, {`null`, "missing", "", false},
	} {
		e := oracle.Event{UserID: "1", Type: "x", Properties: `{"k":` + c.value + `}`}
		if c.value == "" {
			e.Properties = `{"other":1}`
		}
		require.Equal(t, c.holds, condition(field("properties", "k"), c.op, c.want).Holds(e), "%+v", c)
	}
	in := condition(field("properties", "k"), "in", "5", "10.0", "UA")
	for value, holds := range map[string]bool{`10`: true, `"UA"`: true, `5.0`: true, `6`: false, `"5"`: true, `null`: false} {
		require.Equal(t, holds, in.Holds(oracle.Event{Properties: `{"k":` + value + `}`}), value)
	}
}

// TestFields looks at what a field is at the last event.
func TestFields(t *testing.T) {
	t.Parallel()
	// Of a: free, then pro, then basic after the range. Two events at one instant are in
	// the order of types, then ids.
	events := []oracle.Event{
		{ID: "4", UserID: "a", Type: "view", At: at("2025-08-06T22:30:00Z"), Properties: `{"list":[{"x":2}],"n":1.50}`},
		{ID: "1", UserID: "a", Type: "view", At: at("2025-08-01T10:00:00Z"), Properties: `{"plan":"free","tie":1}`},
		{ID: "2", UserID: "a", Type: "buy", At: at("2025-08-01T10:00:00Z"), Properties: `{"tie":0}`},
		{ID: "3", UserID: "a", Type: "view", At: at("2025-08-04T10:00:00Z"), Properties: `{"plan":"pro","tie":null}`},
		{ID: "5", UserID: "a", Type: "view", At: at("2025-08-07T00:00:00Z"), Properties: `{"plan":"basic"}`},
		{ID: "6", UserID: "b", Type: "view", At: at("2025-08-02T10:00:00Z"), Properties: `{"plan":"team","list":1}`},
	}
	holds := func(c oracle.Condition, zone *time.Location) bool {
		for _, e := range oracle.Keep(events, c, "", "2025-08-06", zone) {
			if e.ID == "4" {
				return true
			}
		}
		return false
	}
	is := func(f oracle.Field, want string) { require.True(t, holds(condition(f, "=", want), time.UTC), "%v", f) }
	is(field("event_type"), "view")
	is(field("user_id"), "a")
	is(field("properties", "n"), "1.5")
	is(field("properties", "list", "0", "x"), "2")
	is(field("user", "plan"), "pro")
	is(field("first", "plan"), "free")
	is(field("user", "tie"), "null")
	is(field("first", "tie"), "0")
	is(field("user", "list", "0"), `{"x":2}`)
	is(field("time.hour"), "22")
	is(field("time.weekday"), "3")
	require.True(t, condition(field("time.weekday"), "=", "7").Holds(oracle.Event{At: at("2025-08-10T10:00:00Z")}), "a Sunday")
	require.True(t, holds(condition(field("time.hour"), ">=", "22"), time.UTC), "an hour is a number")
	require.True(t, holds(condition(field("user", "paid"), "missing"), time.UTC))
	require.True(t, holds(condition(field("properties", "list", "00"), "missing"), time.UTC), "00 is no place")
	require.True(t, holds(condition(field("properties", "list", "1"), "missing"), time.UTC))
	require.True(t, holds(condition(field("first_seen"), "before", "2025-08-01T10:00:00.000001Z"), time.UTC))
	require.True(t, holds(condition(field("first_seen"), "since", "2025-08-01T10:00:00Z"), time.UTC))
	require.True(t, holds(condition(field("last_seen"), "since", "2025-08-06T22:30:00Z"), time.UTC))
	require.True(t, holds(condition(field("last_seen"), "before", "2025-08-07"), time.UTC), "the range ends with the 6th")

	require.True(t, holds(condition(field("time.hour"), "=", "1"), kyiv(t)))
	require.True(t, holds(condition(field("time.weekday"), "=", "4"), kyiv(t)))
	require.True(t, holds(condition(field("last_seen"), "before", "2025-08-05"), kyiv(t)), "the range ends before 21:00Z, and with it what is known")
	require.True(t, holds(condition(field("first_seen"), "exists"), kyiv(t)))
}

func TestFiltersCombine(t *testing.T) {
	t.Parallel()
	ua, pl, none := oracle.Event{ID: "ua", Properties: `{"c":"UA","n":1}`}, oracle.Event{ID: "pl", Properties: `{"c":"PL"}`}, oracle.Event{ID: "none"}
	is := func(want string) oracle.Condition { return condition(field("properties", "c"), "=", want) }
	keeps := func(f oracle.Filter, want ...string) {
		t.Helper()
		var got []string
		for _, e := range oracle.Keep([]oracle.Event{ua, pl, none}, f, "", "2025-08-06", time.UTC) {
			got = append(got, e.ID)
		}
		require.Equal(t, want, got)
	}
	keeps(oracle.All{}, "ua", "pl", "none")
	keeps(oracle.Any{})
	keeps(oracle.Any{is("UA"), is("PL")}, "ua", "pl")
	keeps(oracle.All{is("UA"), is("PL")})
	keeps(oracle.Not{is("UA")}, "pl", "none")
	keeps(condition(field("properties", "c"), "!=", "UA"), "pl")
	keeps(oracle.Not{condition(field("properties", "c"), "exists")}, "none")
	keeps(oracle.Not{oracle.All{}})
	keeps(oracle.All{oracle.Any{is("UA"), oracle.Not{oracle.Any{is("PL"), is("UA")}}}, oracle.Not{condition(field("properties", "n"), "missing")}}, "ua")
}

// TestMidnights: a date without a time begins when a clock first shows it.
func TestMidnights(t *testing.T) {
	t.Parallel()
	zone := func(name string) *time.Location {
		z, err := time.LoadLocation(name)
		require.NoError(t, err)
		return z
	}
	for _, c := range []struct{ zone, day, first string }{
		{"Europe/Kyiv", "2025-08-04", "2025-08-03T21:00:00Z"},
		{"America/Havana", "2025-03-09", "2025-03-09T05:00:00Z"},   // 00:00 becomes 01:00
		{"America/Havana", "2025-11-02", "2025-11-02T04:00:00Z"},   // 01:00 becomes 00:00
		{"America/St_Johns", "2006-10-29", "2006-10-29T02:30:00Z"}, // for a minute, then the 28th again
		{"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"},     // never was: when the 31st begins
	} {
		first := at(c.first)
		e := oracle.Event{ID: "1", UserID: "a", Properties: `{"at":"` + c.day + `"}`}
		for op, want := range map[string]time.Time{"since": first, "before": first.Add(time.Second)} {
			f := condition(field("properties", "at"), op, want.Format(time.RFC3339))
			require.Len(t, oracle.Keep([]oracle.Event{e}, f, "", c.day, zone(c.zone)), 1, "%+v %s", c, op)
		}
	}
}

func TestRelativeDays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, now, day string }{
		{"2025-08-04", "2025-08-31T21:30:00Z", "2025-08-04"},
		{"today", "2025-08-31T20:30:00Z", "2025-08-31"}, {"today", "2025-08-31T21:30:00Z", "2025-09-01"},
		{"yesterday", "2025-08-31T21:30:00Z", "2025-08-31"},
		{"-7d", "2025-08-31T12:00:00Z", "2025-08-24"}, {"-4w", "2025-08-31T12:00:00Z", "2025-08-03"},
		{"-3mo", "2025-08-31T12:00:00Z", "2025-05-31"}, {"-2mo", "2025-08-31T12:00:00Z", "2025-06-30"},
		{"-6mo", "2025-08-31T12:00:00Z", "2025-02-28"}, {"-1y", "2024-02-29T12:00:00Z", "2023-02-28"}, {"-4y", "2024-02-29T12:00:00Z", "2020-02-29"},
	} {
		require.Equal(t, c.day, oracle.Day(c.text, at(c.now), kyiv(t)), "%+v", c)
	}
}
