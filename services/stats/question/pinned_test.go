package question_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/oracle"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/question"
)

func TestQueriesEndWithTheirContext(t *testing.T) {
	w := newWorld(t)
	w.add(t, 1, seeded(t, 1).events(scenes[0], 100))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	d := w.data(t, 1, time.Time{})
	_, _, err = d.ask(ctx, question.EventTypes{Limit: 10, Scope: question.Scope{Timezone: zone}}, d.raw())
	require.ErrorIs(t, err, context.Canceled)
}

// TestClocksThatGoBackOverMidnight pins what random events hardly ever hit: the
// clock shows 29 October for a minute, then the 28th for another hour. The first
// event decides on the cohort, not the smallest date.
func TestClocksThatGoBackOverMidnight(t *testing.T) {
	w := newWorld(t)
	at := func(s string) int64 {
		instant, err := time.Parse(time.RFC3339, s)
		require.NoError(t, err)
		return instant.UnixMicro()
	}
	w.add(t, 1, []event.Event{
		{ID: uuid.UUID{1}, UserID: "a", Type: "x", OccurredAt: at("2006-10-29T02:30:30Z")}, // 00:00:30 on the 29th
		{ID: uuid.UUID{2}, UserID: "a", Type: "x", OccurredAt: at("2006-10-29T02:40:00Z")}, // 23:10 on the 28th
		{ID: uuid.UUID{3}, UserID: "b", Type: "x", OccurredAt: at("2006-10-29T02:29:00Z")}, // 23:59 on the 28th
		{ID: uuid.UUID{4}, UserID: "b", Type: "x", OccurredAt: at("2006-10-29T03:30:00Z")}, // 00:00 on the 29th
	})
	zone, err := calendar.Load("America/St_Johns")
	require.NoError(t, err)
	scope := question.Scope{Timezone: zone}
	days := question.Days{From: 13449, To: 13450}
	require.Equal(t, "2006-10-28 2006-10-29", days.From.String()+" "+days.To.String())
	d := w.data(t, 1, time.UnixMicro(at("2006-12-01T00:00:00Z")))
	d.snapshot.CompleteUntil = d.now

	require.Equal(t, [][]any{{"2006-10-28", 2, false}, {"2006-10-29", 2, false}}, d.rows(t, question.DAU{Days: days, Scope: scope}))
	two := question.Retention{StartDate: days.From, EndDate: days.To, Granularity: calendar.Day, Windows: 2, Scope: scope}
	one := two
	one.EndDate, one.Windows = days.From, 1
	require.Equal(t, [][]any{{"2006-10-28", 0, 1, 1, 1.0, false}}, d.rows(t, one), "a came first on the 29th")
	require.Equal(t, [][]any{
		{"2006-10-28", 0, 1, 1, 1.0, false}, {"2006-10-28", 1, 1, 1, 1.0, false},
		{"2006-10-29", 0, 1, 1, 1.0, false}, {"2006-10-29", 1, 1, 0, 0.0, false},
	}, d.rows(t, two))
}

// TestLostRollUp: where days are cut off UTC, quarters are read from the file. When
// it is gone the answer is the same, from the events.
func TestLostRollUp(t *testing.T) {
	g := seeded(t, 4)
	w := newWorld(t)
	w.add(t, 1, g.events(scenes[0], 300))
	zone, err := calendar.Load("Asia/Kathmandu")
	require.NoError(t, err)
	at := calendar.DateOf(scenes[0].at())
	q := question.DAU{Days: question.Days{From: at - 30, To: at + 30}, Scope: question.Scope{Timezone: zone}}
	d := w.data(t, 1, time.Time{})
	want := d.rows(t, q)
	require.NotEmpty(t, want)
	require.NoError(t, os.Remove(filepath.Join(w.dir, w.segments[0].RollUpPath())))
	got, from, err := d.ask(t.Context(), q, d.rollUp(), d.raw())
	require.NoError(t, err)
	require.Equal(t, "raw", from)
	require.Equal(t, want, got)
	q.Timezone, err = calendar.Load("UTC")
	require.NoError(t, err)
	_, from, err = d.ask(t.Context(), q, d.rollUp(), d.raw())
	require.NoError(t, err)
	require.Equal(t, "rollup", from, "whole days are in memory")
}

// TestShreddedNumbersAreExact pins what random filters hardly ever meet: integers
// that float64 cannot tell apart.
func TestShreddedNumbersAreExact(t *testing.T) {
	w := newWorld(t)
	at := time.Date(2025, 8, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	for i, properties := range []string{`{"n":9007199254740992}`, `{"n":1.5}`, `{"n":9007199254740991}`} {
		w.add(t, 1, []event.Event{{ID: uuid.UUID{byte(i)}, OccurredAt: at, UserID: fmt.Sprint(i), Type: "x", Properties: properties}})
	}
	out, err := w.builder.Merge(t.Context(), w.segments, 1000, 1)
	require.NoError(t, err)
	require.Equal(t, []string{"decimal:n"}, out[0].Shredded)
	w.segments = out
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	for text, want := range map[string]int{
		"properties.n=9007199254740993": 0, "properties.n>=9007199254740992": 1, "properties.n<9007199254740993": 3,
		"properties.n=9007199254740993.0": 0, "properties.n=9007199254740992.0": 1, "properties.n~1.5": 1, "properties.n=1.50": 1,
		"properties.n>9007199254740991.5": 1, "properties.n<=9007199254740991.5": 2, "properties.n:in(1.5, 9007199254740991)": 2,
	} {
		n := 0
		for _, row := range w.data(t, 1, time.Time{}).rows(t, topOn(t, 20301, zone, text)) {
			n += row[1].(int)
		}
		require.Equal(t, want, n, text)
	}
}

// TestNumbersThatDoubleRoundsStayInJSON: a column of them would answer wrongly, as
// those of earlier versions do, which are not read.
func TestNumbersThatDoubleRoundsStayInJSON(t *testing.T) {
	for _, rounded := range []string{"0.30000000000000000001", "9007199254740993", "1e-400", "123456789012345678901234567890"} {
		w := newWorld(t)
		at := time.Date(2025, 8, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
		w.add(t, 1, []event.Event{
			{ID: uuid.UUID{1}, OccurredAt: at, UserID: "1", Type: "x", Properties: `{"n":` + rounded + `}`},
			{ID: uuid.UUID{2}, OccurredAt: at, UserID: "1", Type: "x", Properties: `{"n":1.5}`},
		})
		require.Empty(t, w.segments[0].Shredded, rounded)
	}
}

// TestOrderIsOfOneKind: text never passes an order with a number, nor the other way
// round.
func TestOrderIsOfOneKind(t *testing.T) {
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	w := newWorld(t)
	at := time.Date(2025, 8, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	for i, value := range []string{`150`, `100.0`, `99.5`, `null`, `true`, `"n/a"`, `[1]`, `"99"`, `{"a":1}`, `"150"`} {
		w.add(t, 1, []event.Event{{ID: uuid.UUID{byte(i)}, OccurredAt: at, UserID: fmt.Sprint(i), Type: "x", Properties: `{"price":` + value + `}`}})
	}
	for text, want := range map[string]int{
		"properties.price>=100": 2, "properties.price >= 100": 2, "properties.price<100": 1, "properties.price = 100": 1,
		"properties.price:in(150, 100)": 3, "properties.price>=9": 3, "properties.price>=n": 1, "properties.price:exists": 10,
		"properties.price:missing": 0, "properties.prices:missing": 10, "properties.price!=1e2": 9, "properties.price=null": 1,
	} {
		n := 0
		for _, row := range w.data(t, 1, time.Time{}).rows(t, topOn(t, 20301, zone, text)) {
			n += row[1].(int)
		}
		require.Equal(t, want, n, text)
	}
}

// topOn asks for the event types of a day with a syntax.
func topOn(t *testing.T, day calendar.Date, zone *calendar.Zone, text string) question.Question {
	f, err := syntax.ParseSegment(text)
	require.NoError(t, err)
	return question.TopEvents{
		Days: question.Days{From: day, To: day}, Limit: 10, Scope: question.Scope{Timezone: zone, Segment: []syntax.Condition{f}},
	}
}

// TestShreddedZeros pins that 0 and -0 are one number: Parquet's bloom filters tell
// them apart.
func TestShreddedZeros(t *testing.T) {
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	at := time.Date(2025, 8, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	for _, zero := range []string{"0.0", "-0.0", "0", "-0", "-0e5"} {
		w := newWorld(t)
		var events []event.Event
		for i := range 200 { // few values often: the column gets a dictionary
			n := "5.5"
			if i == 0 {
				n = zero
			}
			events = append(events, event.Event{ID: uuid.UUID{byte(i)}, OccurredAt: at, UserID: fmt.Sprint(i), Type: "x", Properties: `{"n":` + n + `}`})
		}
		w.add(t, 1, events)
		w.builder.ShredFrom = 1000
		w.add(t, 2, events)
		require.Equal(t, []string{"decimal:n"}, w.segments[0].Shredded)
		require.Empty(t, w.segments[1].Shredded)
		for _, condition := range []string{"=0", "=-0", "=0.0", "=-0.0", "=-0e1", ":in(7,-0.0)", ":in(7,0)", ">=0", ">=-0.0", "<=0", "<=-0.0", "!=0", "!=-0.0", "<0", ">-0.0", "~-0", "~-0.0"} {
			q := topOn(t, 20301, zone, "properties.n"+condition)
			fromColumn := w.data(t, 1, time.Time{}).rows(t, q)
			fromJSON := w.data(t, 2, time.Time{}).rows(t, q)
			require.Equal(t, fromJSON, fromColumn, "%s%s", zero, condition)
		}
	}
}

// TestFilters compares many filters with the oracle, on events in JSON alone, on
// columns, and on both.
func TestFilters(t *testing.T) {
	g := seeded(t, uint64(time.Now().UnixNano()))
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	w := newWorld(t)
	for project := range int64(6) {
		if project > 0 {
			g.kinds = g.someKinds()
		}
		events := g.events(scenes[0], 400)
		w.builder.ShredFrom = map[bool]int64{true: 1, false: 1_000_000}[project > 0]
		w.add(t, project, events[:200])
		w.add(t, project, events[200:])
	}
	require.NotEmpty(t, w.segments[len(w.segments)-1].Shredded)
	held, answers := 0, map[string]int{}
	for i := range 600 {
		project := int64(i % 6)
		text, condition := g.filter()
		f, err := syntax.ParseSegment(text)
		require.NoError(t, err, text)
		var model []oracle.Event
		for _, e := range w.events[project] {
			if condition.Holds(naive(e)) {
				model = append(model, naive(e))
			}
		}
		held += len(model)
		d := w.data(t, project, time.Time{})
		for _, e := range []engine.Engine{d.raw(), d.named(t)} {
			rows, _, err := d.ask(t.Context(), question.LatestEvents{Limit: 1000, Scope: question.Scope{Timezone: zone, Segment: []syntax.Condition{f}}}, e)
			if e.Name() == "walk" && errors.Is(err, engine.ErrUnsupported) {
				continue
			}
			require.NoError(t, err, text)
			require.Equal(t, fields(oracle.Latest(model, time.UTC, 1000)), rows, "%q of project %d from %s", text, project, e.Name())
			answers[e.Name()]++
		}
	}
	require.Greater(t, held, 1000)
	require.Greater(t, answers["walk"], 100)
}

// TestFiltersOnColumns compares every operator and value on columns of each kind with
// the oracle.
func TestFiltersOnColumns(t *testing.T) {
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	at := time.Date(2025, 8, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	for kind, keep := range map[string]func(string) bool{
		duckdb.Text:    isText,
		duckdb.Integer: isInteger,
		duckdb.Number:  func(v string) bool { return isNumber(v) && isShort(v) },
	} {
		w := newWorld(t)
		var events []event.Event
		for i, v := range someValues {
			for range 3 { // strings that are all different get no column
				e := event.Event{ID: uuid.New(), OccurredAt: at + int64(len(events)), UserID: fmt.Sprint(i), Type: "x"}
				if keep(v) {
					e.Properties = `{"k":` + v + `}`
				}
				events = append(events, e)
			}
		}
		w.add(t, 1, events)
		require.Equal(t, []string{kind + ":k"}, w.segments[0].Shredded)
		d := w.data(t, 1, time.Time{})
		for _, op := range []string{"=", "!=", "<", "<=", ">", ">=", "~", "in"} {
			for _, v := range append([]string{"9.5", "-3.5", "1e400", "-1e400", "9007199254740992.5", "-9223372036854775809", "9223372036854775807.5"}, someValues...) {
				text := "properties.k" + op + escapeValue(v)
				if op == "in" {
					text = "properties.k:in(" + escapeValue(v) + ",10.0,UA)"
				}
				f, err := syntax.ParseSegment(text)
				require.NoError(t, err, text)
				condition := oracle.Condition{Field: oracle.Field{Source: string(f.Field.Source), Keys: f.Field.Keys}, Op: f.Op, Values: f.Values}
				want := 0
				for _, e := range events {
					if condition.Holds(naive(e)) {
						want++
					}
				}
				got := 0
				for _, row := range d.rows(t, topOn(t, 20301, zone, text)) {
					got += row[1].(int)
				}
				require.Equal(t, want, got, "%s on a column of kind %s", text, kind)
			}
		}
	}
}

// TestClockKeys: while the clock's part of the key stays the same, so do the rows.
func TestClockKeys(t *testing.T) {
	g := seeded(t, uint64(time.Now().UnixNano()))
	for _, s := range scenes {
		w := newWorld(t)
		w.add(t, 1, g.events(s, 100))
		zone, err := calendar.Load(s.zone)
		require.NoError(t, err)
		for _, unit := range []calendar.Unit{calendar.Hour, calendar.Day, calendar.Week, calendar.Month} {
			from := calendar.DateOf(s.at()) - calendar.Date(g.IntN(4))
			q := question.Events{Days: question.Days{From: from, To: from + calendar.Date(g.IntN(6))}, Interval: unit, Scope: question.Scope{Timezone: zone, Fill: "zero"}}
			known := map[string][][]any{}
			for range 30 {
				now := s.at().Add(time.Duration(g.Int64N(int64(12*24*time.Hour))) - 5*24*time.Hour)
				if g.IntN(2) == 0 {
					now = s.at().Add(time.Duration(g.Int64N(int64(6*time.Hour))) - 3*time.Hour)
				}
				w.complete = now.Add(time.Duration(g.Int64N(int64(2*time.Hour))) - time.Hour)
				key := q.ClockKey(now, w.complete)
				rows := w.data(t, 1, now).rows(t, q)
				if known[key] != nil {
					require.Equal(t, known[key], rows, "%s %s %s", s.zone, unit, key)
				}
				known[key] = rows
			}
		}
	}
}

// TestNotOfNoHour: what no hour is holds for no event, and its opposite for all.
func TestNotOfNoHour(t *testing.T) {
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	w := newWorld(t)
	at := time.Date(2025, 8, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	w.add(t, 1, []event.Event{{ID: uuid.UUID{1}, OccurredAt: at, UserID: "1", Type: "x"}})
	q := question.TopEvents{Days: question.Days{From: 20301, To: 20301}, Limit: 10, Scope: question.Scope{Timezone: zone}}
	q.Filter, err = syntax.ParseFilter(`{"not":"time.hour=2.5"}`)
	require.NoError(t, err)
	d := w.data(t, 1, time.Time{})
	for _, e := range []engine.Engine{d.raw(), d.walker(true)} {
		rows, _, err := d.ask(t.Context(), q, e)
		require.NoError(t, err)
		require.Equal(t, [][]any{{"x", 1}}, rows, e.Name())
	}
}
