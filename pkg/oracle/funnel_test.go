package oracle_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/oracle"
)

// history reads events of users from texts like "a: view@0 buy@60 c=UA": type, second
// after 2025-08-04 and, behind a slash, the country. Ids are in the order of the text.
func history(users ...string) (events []oracle.Event) {
	for _, text := range users {
		user, rest, _ := strings.Cut(text, ": ")
		for _, one := range strings.Fields(rest) {
			one, country, _ := strings.Cut(one, "/")
			name, second, _ := strings.Cut(one, "@")
			took, err := time.ParseDuration(second + "s")
			if err != nil {
				panic(err)
			}
			e := oracle.Event{ID: fmt.Sprintf("%04d", len(events)), UserID: user, Type: name, At: at("2025-08-04T00:00:00Z").Add(took)}
			if country != "" {
				e.Properties = fmt.Sprintf(`{"c":%q}`, country)
			}
			events = append(events, e)
		}
	}
	return events
}

// funnel asks about steps of one event type each.
func funnel(types ...string) oracle.Funnel {
	q := oracle.Funnel{
		Scope: oracle.Scope{From: "2025-08-04", To: "2025-08-06", Zone: time.UTC, Now: at("2026-01-01T00:00:00Z"), CompleteUntil: at("2026-01-01T00:00:00Z")},
		Split: oracle.Split{Top: 10, Other: true}, Window: time.Hour, Order: "ordered", Interval: "all", Attribution: 1,
	}
	for _, name := range types {
		step := oracle.Series{Types: strings.Split(name, "|")}
		if name == "*" {
			step.Types = nil
		}
		q.Steps = append(q.Steps, step)
	}
	return q
}

// counts are the users of each step, the rows of a bucket and group in one line.
func counts(q oracle.Funnel, events []oracle.Event) (lines []string) {
	for _, r := range q.Rows(events) {
		if r.Step == 1 {
			var about []string
			if q.Interval != "all" {
				about = append(about, r.Bucket)
			}
			for _, v := range r.Values {
				if v == nil {
					about = append(about, "null")
				} else {
					about = append(about, *v)
				}
			}
			if r.Group.Name != "" {
				about = append(about, r.Group.Name)
			}
			lines = append(lines, strings.Join(about, " "))
		}
		lines[len(lines)-1] = strings.TrimSpace(fmt.Sprint(lines[len(lines)-1], " ", r.Users))
	}
	return lines
}

func TestFunnel(t *testing.T) {
	t.Parallel()
	q := funnel("view", "cart|basket", "buy")
	q.Steps[2].Name = "Bought"
	events := history("a: view@0 cart@10 buy@25", "b: view@0 basket@20", "c: buy@0 cart@1 view@2", "d: view@0 buy@1")
	var got []string
	for _, r := range q.Rows(events) {
		got = append(got, line(q.Cells(r)...))
	}
	require.Equal(t, []string{
		"1 view 4 1 1 null null ", "2 cart|basket 2 0.5 0.5 15 15 ", "3 Bought 1 0.25 0.5 15 15 ",
	}, spaced(got))
	require.Empty(t, q.Rows(nil))
	q.Fill = true
	got = nil
	for _, r := range q.Rows(nil) {
		got = append(got, line(q.Cells(r)...))
	}
	require.Equal(t, []string{"1 view 0 null null null null ", "2 cart|basket 0 null null null null ", "3 Bought 0 null null null null "}, spaced(got))
}

// spaced ends each line with a space.
func spaced(lines []string) (all []string) {
	for _, l := range lines {
		all = append(all, l+" ")
	}
	return all
}

func TestAttempts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		about, user string
		steps       string
		change      func(*oracle.Funnel)
		want        string
	}{
		{"same instant counts as in order", "u: buy@5 cart@5 view@5", "view cart buy", nil, "1 1 1"},
		{"exactly at the end of the window counts", "u: view@0 buy@3600", "view buy", nil, "1 1"},
		{"behind it does not", "u: view@0 buy@3600.000001", "view buy", nil, "1 0"},
		{"no event serves two steps", "u: view@0", "view view", nil, "1 0"},
		{"nor at one instant", "u: view@0 view@0", "view view view", nil, "1 1 0"},
		{"a repeated step with a tie", "u: view@0 view@5 buy@5", "view view buy", nil, "1 1 1"},
		{"each event of an instant where it is needed", "u: a@0 b@0", "* a", nil, "1 1"},
		{"the other way round", "u: a@0 b@0", "* b", nil, "1 1"},
		{"the best attempt, not the first", "u: view@0 view@4000 buy@4001", "view buy", nil, "1 1"},
		{"later steps may lie after to", "u: view@259199 buy@259201", "view buy", nil, "1 1"},
		{"beginnings may not", "u: view@259200 buy@259201", "view buy", nil, ""},
		{"first in a step: of all time", "u: view@-1 view@0 buy@1", "view buy", func(q *oracle.Funnel) { q.Steps[0].First = true }, ""},
		{"first of another step", "u: view@0 buy@1 view@2 buy@3", "view buy", func(q *oracle.Funnel) { q.Steps[1].First = true }, "1 1"},
		{"filters hold for every step", "u: view@0/UA buy@1/PL", "view buy", func(q *oracle.Funnel) { q.Filter = condition(country, "=", "UA") }, "1 0"},

		{"strict: nothing between", "u: view@0 x@1 buy@2", "view buy", strictly, "1 0"},
		{"strict: what is at the same instant is not between", "u: view@0 x@0 x@2 buy@2", "view buy", strictly, "1 1"},
		{"strict: what the filter leaves out is not between", "u: view@0/UA x@1 buy@2/UA", "view buy", func(q *oracle.Funnel) {
			strictly(q)
			q.Filter = condition(country, "=", "UA")
		}, "1 1"},
		{"strict: the furthest of the chains", "u: a@0 b@0 b@1 c@2", "a b c", strictly, "1 1 1"},
		{"strict: between later steps", "u: a@0 b@1 x@2 c@3", "a b c", strictly, "1 1 0"},

		{"any: in no order", "u: c@0 a@1 b@2", "a b c", anyOrder, "1 1 1"},
		{"any: different events", "u: a@0", "a a", anyOrder, "1 0"},
		{"any: different steps", "u: a@0 a@1", "a b", anyOrder, "1 0"},
		{"any: what is at the instant of the beginning", "u: a@0 b@0", "b a", anyOrder, "1 1"},
		{"any: a window from any beginning", "u: a@0 a@3000 b@3601", "a b", anyOrder, "1 1"},

		{"exclude", "u: view@0 x@1 buy@2", "view buy", exclude(1, 2), ""},
		{"exclude: not at the instants themselves", "u: x@0 view@0 buy@2 x@2 x@3", "view buy", exclude(1, 2), "1 1"},
		{"exclude: to the end of the window where the later step is not reached", "u: view@0 x@3600", "view buy", exclude(1, 2), ""},
		{"exclude: not behind it", "u: view@0 x@3600.000001", "view buy", exclude(1, 2), "1 0"},
		{"exclude: another attempt", "u: view@0 x@1 view@2 buy@3", "view buy", exclude(1, 2), "1 1"},
		{"exclude: a shorter attempt", "u: view@0 cart@1 x@2 buy@3 view@3000 cart@3001", "view cart buy", exclude(2, 3), "1 1 0"},
		{"exclude: not before the step", "u: view@0 x@1 cart@2 buy@3", "view cart buy", exclude(2, 3), "1 1 1"},
		{"exclude: where that step is not reached", "u: view@0 x@1", "view cart buy", exclude(2, 3), "1 0 0"},
		{"exclude: an event of a step", "u: view@0 x@1 buy@2", "view x buy", exclude(1, 3), ""},
	} {
		q := funnel(strings.Fields(c.steps)...)
		if c.change != nil {
			c.change(&q)
		}
		require.Equal(t, c.want, strings.Join(counts(q, history(c.user)), "; "), c.about)
	}
}

func strictly(q *oracle.Funnel) { q.Order = "strict" }
func anyOrder(q *oracle.Funnel) { q.Order = "any" }

func exclude(after, before int) func(*oracle.Funnel) {
	return func(q *oracle.Funnel) {
		q.Exclude = []oracle.Exclude{{Types: []string{"x"}, After: after, Before: before}}
	}
}

// TestFunnelTimes: each step is as early as it can be, given those before.
func TestFunnelTimes(t *testing.T) {
	t.Parallel()
	took := func(q oracle.Funnel, events []oracle.Event) string {
		var all []any
		for _, r := range q.Rows(events)[1:] {
			if r.Avg == nil {
				all = append(all, nil, nil)
			} else {
				all = append(all, *r.Avg, *r.Median)
			}
		}
		return line(all...)
	}
	q := funnel("a", "b", "c")
	require.Equal(t, "1 1 3 3", took(q, history("u: a@0 b@1 b@2 c@4")))
	require.Equal(t, "0 0 null null", took(q, history("u: a@0 b@0 b@2")))
	require.Equal(t, "3 2.5 4 4", took(q, history("u: a@0 b@1 c@5", "v: a@0 b@0", "w: a@0 b@4", "x: a@0 b@7")), "half of the middle two")
	q.Order = "strict"
	require.Equal(t, "1 1 1 1", took(q, history("u: a@0 b@0 b@1 c@2")), "the times are those of the chain that gets furthest")
	q.Order = "any"
	require.Equal(t, "1 1 2 2", took(q, history("u: c@0 c@0.5 a@1 b@3")))

	q = funnel("a", "b")
	q.Window = 20 * time.Minute
	events := history("u: a@0 b@0", "v: a@0 b@60", "w: a@0 b@1200", "x: a@0")
	times := func() (all []string) {
		for _, r := range q.Times(events) {
			all = append(all, line(q.TimeCells(r)...))
		}
		return all
	}
	require.Equal(t, []string{"0 60 1", "60 300 1", "300 900 0", "900 1200 1"}, times())
	q.Bins = []string{"0.5", "60"}
	require.Equal(t, []string{"0.5 60 1"}, times(), "the last bin has its end")
	q.Bins, q.Breakdown = []string{"0", "1e3"}, []oracle.Breakdown{{Field: country}}
	require.Equal(t, []string{"null value 0 1000 2"}, times())
	events = nil
	require.Empty(t, times())
}

// TestFunnelBuckets: a user counts once a bucket, by the best attempt that began in it.
func TestFunnelBuckets(t *testing.T) {
	t.Parallel()
	q := funnel("a", "b")
	q.Interval, q.Window = "day", 48*time.Hour
	events := history("u: a@0 a@86400 b@100000", "v: a@0 a@172800")
	require.Equal(t, []string{"2025-08-04 2 1", "2025-08-05 1 1", "2025-08-06 1 0"}, counts(q, events))
	q.CompleteUntil = at("2025-08-07T23:00:00Z")
	var incomplete []bool
	for _, r := range q.Rows(events) {
		if r.Step == 1 {
			incomplete = append(incomplete, r.Incomplete)
		}
	}
	require.Equal(t, []bool{false, true, true}, incomplete, "the end of the day and the window")
	q.Interval = "all"
	require.Equal(t, []string{"2 1"}, counts(q, events))
	require.True(t, q.Rows(events)[0].Incomplete)
	q.CompleteUntil = at("2025-08-09T00:00:00Z")
	require.False(t, q.Rows(events)[0].Incomplete)
}

func TestFunnelBreakdown(t *testing.T) {
	t.Parallel()
	q := funnel("a", "b", "c")
	q.Breakdown = []oracle.Breakdown{{Field: country}}
	events := history("u: a@0/UA b@1/PL", "v: a@0/UA b@1 c@2/DE", "w: a@0/PL", "x: a@0", "y: a@0")
	require.Equal(t, []string{"UA value 2 2 1", "null value 2 0 0", "PL value 1 0 0"}, counts(q, events))
	q.Attribution = 2
	require.Equal(t, []string{"null value 4 1 1", "PL value 1 1 0"}, counts(q, events))
	q.Attribution = 3
	require.Equal(t, []string{"null value 4 1 0", "DE value 1 1 1"}, counts(q, events))
	q.Attribution = 0
	require.Equal(t, []string{"PL value 2 1 0", "null value 2 0 0", "DE value 1 1 1"}, counts(q, events))
	q.Attribution, q.Top, q.Total = 1, 1, true
	require.Equal(t, []string{"UA value 2 2 1", "null other 3 0 0", "null all 5 2 1"}, counts(q, events), "groups sum to all")
	q.Other = false
	require.Equal(t, []string{"UA value 2 2 1", "null all 5 2 1"}, counts(q, events))

	q = funnel("a|b", "a")
	q.Breakdown = []oracle.Breakdown{{Field: country}}
	require.Equal(t, []string{"UA value 1 1"}, counts(q, history("u: a@0/UA b@0/PL")), "b begins, and a is the first that fits")
}

func TestFunnelUnit(t *testing.T) {
	t.Parallel()
	q := funnel("a", "b")
	q.Unit = country
	require.Equal(t, []string{"2 1"}, counts(q, history("u: a@0/UA a@0/PL", "v: b@1/UA b@1")))
}
