package question_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/oracle"
	"eventanalytics/pkg/warehouse/persons"
	files "eventanalytics/pkg/warehouse/walk"
	"eventanalytics/pkg/warehouse/walk/walktest"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/engine/walk"
	"eventanalytics/services/stats/question"
)

// TestSmallHistories asks for funnels, paths and sessions of a dozen events each, in several
// files, at so few instants that most are ties, and that windows, pauses and ranges end
// exactly at events. The oracle finds the attempts of funnels by trying every chain of
// events. SCALE says how many thousand questions there are.
func TestSmallHistories(t *testing.T) {
	t.Parallel()
	scale, err := strconv.Atoi(cmp.Or(os.Getenv("SCALE"), "1"))
	require.NoError(t, err)
	g := seeded(t, uint64(time.Now().UnixNano()))
	seen := map[string]int{}
	for range scale * 100 {
		h := g.smallHistory(t)
		for range 4 {
			h.funnel(t, g, seen)
		}
		for range 3 {
			h.paths(t, g, seen)
			h.sessions(t, g, seen)
		}
	}
	t.Log(seen)
	for _, what := range []string{
		"ordered", "any", "strict", "exclude", "attribution 0", "attribution 2", "unit", "first", "filter", "buckets", "times", "fill", "group value", "group other", "group all", "null",
		"reached 1", "reached 2", "reached 3", "path", "started", "ended", "within", "repeats", "other", "session", "bounce", "longer", "entry", "exit",
	} {
		require.Positive(t, seen[what], what)
	}
}

// smallHistory is a few events, as the walk has them and for the oracle.
type smallHistory struct {
	events []oracle.Event
	view   *files.View
}

// smallStep is the time from one instant to the next, and smallDay the day that has most of
// them: its end is among them.
const (
	smallStep = 30 * time.Second
	smallDay  = "2025-08-04"
)

func (g generator) smallHistory(t *testing.T) smallHistory {
	t.Helper()
	begin := time.Date(2025, 8, 4, 23, 57, 0, 0, time.UTC)
	segments := make([][]files.Source, 1+g.IntN(3))
	var h smallHistory
	for range 2 + g.IntN(13) {
		user, at, properties := g.IntN(3), begin.Add(time.Duration(g.IntN(9))*smallStep), body{}
		if !g.maybe(5) {
			properties["o"] = 1 + g.IntN(2)
		}
		if !g.maybe(4) {
			properties["c"] = pick(g, []string{"A", "B", "C"})
		}
		e := oracle.Event{ID: g.id().String(), UserID: strconv.Itoa(user), Type: pick(g, smallTypes), At: at, Properties: properties.String()}
		h.events = append(h.events, e)
		i := g.IntN(len(segments))
		segments[i] = append(segments[i], files.Source{ID: uuid.MustParse(e.ID), User: uint32(user), Us: at.UnixMicro(), Type: e.Type, Properties: e.Properties})
	}
	var all []*files.File
	for _, events := range segments {
		if len(events) > 0 {
			all = append(all, walktest.File(t, events...))
		}
	}
	// Some of the users are one person, which may be one without events.
	links := oracle.Links{}
	for range g.IntN(3) {
		from, to := strconv.Itoa(g.IntN(3)), strconv.Itoa(g.IntN(4))
		if _, known := links[from]; !known && links.Person(to) != from {
			links[from] = to
		}
	}
	roots := map[uint32]uint32{}
	for from := range links {
		roots[keyOf(from)] = keyOf(links.Person(from))
	}
	h.events = links.Of(h.events)
	h.view = files.NewView(all).WithPersons(persons.New(roots))
	return h
}

// keyOf is the key of a user of a small history.
func keyOf(userID string) uint32 {
	key, err := strconv.ParseUint(userID, 10, 32)
	if err != nil {
		panic(err)
	}
	return uint32(key)
}

var smallTypes = []string{"x", "y", "z"}

func smallProperty(key string) oracle.Field {
	return oracle.Field{Source: "properties", Keys: []string{key}}
}

// smallScope makes what questions have in common.
func (g generator) smallScope(b body, seen map[string]int) oracle.Scope {
	until := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := oracle.Scope{From: smallDay, To: smallDay, Zone: time.UTC, Now: until, CompleteUntil: until}
	switch g.IntN(5) {
	case 0:
		s.To = "2025-08-05"
	case 1: // most events are before it
		s.From, s.To = "2025-08-05", "2025-08-05"
	}
	b["from"], b["to"], b["timezone"] = s.From, s.To, "UTC"
	if g.maybe(3) {
		s.Filter = oracle.Not{Filter: oracle.Condition{Field: smallProperty("c"), Op: "=", Values: []string{"B"}}}
		b["filter"] = body{"not": "properties.c=B"}
		seen["filter"]++
	}
	if g.maybe(3) {
		b["unit"], s.Unit = "properties.o", smallProperty("o")
		seen["unit"]++
	}
	return s
}

// smallSeries makes one without a measure.
func (g generator) smallSeries(seen map[string]int) (any, oracle.Series) {
	b, s := body{}, oracle.Series{Types: []string{pick(g, smallTypes)}}
	if g.maybe(4) {
		s.Types = []string{"x", "y"}
	}
	b["event"] = s.Types
	if g.maybe(6) {
		b["event"], s.Types = "*", nil
	}
	if g.maybe(4) {
		b["filter"], s.Filter = "properties.c=A", oracle.Condition{Field: smallProperty("c"), Op: "=", Values: []string{"A"}}
	}
	if g.maybe(8) {
		b["first"], s.First = true, true
		seen["first"]++
	}
	return b, s
}

// smallSplit makes a breakdown, or none, by some fields.
func (g generator) smallSplit(b body, seen map[string]int, texts ...string) oracle.Split {
	s := oracle.Split{Top: 10, Other: true}
	if g.maybe(3) {
		return s
	}
	var breakdown []string
	for _, i := range g.Perm(len(texts))[:1+g.IntN(2)] {
		field := smallProperty("c")
		switch text := texts[i]; text {
		case "event_type":
			field = oracle.Field{Source: text}
		case "properties.o":
			field = smallProperty("o")
		case "entry.properties.c", "exit.properties.c":
			field.At = text[:len(text)-len(".properties.c")]
			seen[field.At]++
		}
		breakdown, s.Breakdown = append(breakdown, texts[i]), append(s.Breakdown, oracle.Breakdown{Field: field})
	}
	s.Top, s.Other, s.Total = 1+g.IntN(3), !g.maybe(3), g.maybe(2)
	b["breakdown"], b["top"], b["other"], b["total"] = breakdown, s.Top, s.Other, s.Total
	return s
}

// smallSpan makes a time of some steps.
func (g generator) smallSpan(b body, name string, least int) time.Duration {
	span := time.Duration(least+g.IntN(7)) * smallStep
	b[name] = fmt.Sprintf("%ds", int(span.Seconds()))
	return span
}

func (h smallHistory) funnel(t *testing.T, g generator, seen map[string]int) {
	t.Helper()
	b := body{"order": pick(g, []string{"ordered", "any", "strict"})}
	q := oracle.Funnel{
		Scope: g.smallScope(b, seen), Split: g.smallSplit(b, seen, "properties.c", "properties.o", "event_type"), Order: b["order"].(string), Interval: "all", Window: g.smallSpan(b, "window", 1),
	}
	var steps []any
	for range 2 + g.IntN(3) {
		text, step := g.smallSeries(seen)
		steps, q.Steps = append(steps, text), append(q.Steps, step)
	}
	b["steps"] = steps
	if q.Order != "any" && g.maybe(3) {
		x := oracle.Exclude{Types: []string{pick(g, smallTypes)}, After: 1 + g.IntN(len(q.Steps)-1)}
		x.Before = x.After + 1 + g.IntN(len(q.Steps)-x.After)
		b["exclude"], q.Exclude = []any{body{"event": x.Types, "after": x.After, "before": x.Before}}, []oracle.Exclude{x}
		seen["exclude"]++
	}
	if q.Attribution = g.IntN(len(q.Steps) + 1); q.Attribution > 0 {
		b["attribution"] = q.Attribution
	} else {
		b["attribution"] = "last"
	}
	seen[q.Order]++
	seen[fmt.Sprint("attribution ", q.Attribution)]++
	want := [][]any{}
	fill := func() {
		if g.maybe(4) {
			b["fill"], q.Fill = "zero", true
			seen["fill"]++
		}
	}
	if g.maybe(4) {
		b["view"] = "times"
		fill()
		for _, row := range q.Times(h.events) {
			want = append(want, q.TimeCells(row))
			seen["times"]++
		}
	} else {
		if g.maybe(2) {
			b["interval"], q.Interval = "minute", "minute"
			if q.From != q.To {
				b["interval"], q.Interval = "hour", "hour"
			}
			seen["buckets"]++
		} else {
			fill()
		}
		for _, row := range q.Rows(h.events) {
			want = append(want, q.Cells(row))
			seen[fmt.Sprint("reached ", row.Step)] += row.Users
			seen["group "+row.Group.Name]++
			if row.Group.Name == "value" && row.Values[0] == nil {
				seen["null"]++
			}
		}
	}
	h.equal(t, b, &question.FunnelsParams{
		Window: "7d", Order: "ordered", View: "steps", Attribution: "first", Unit: "user_id", SplitParams: question.SplitParams{Top: 10, Other: true},
	}, want)
}

func (h smallHistory) paths(t *testing.T, g generator, seen map[string]int) {
	t.Helper()
	b := body{}
	q := oracle.Paths{Scope: g.smallScope(b, seen), Node: oracle.Field{Source: "event_type"}, Steps: 2 + g.IntN(4), Gap: g.smallSpan(b, "gap", 2), Top: 1 + g.IntN(3), Repeats: g.maybe(3)}
	b["steps"], b["top"], b["repeats"] = q.Steps, q.Top, q.Repeats
	if g.maybe(3) {
		b["node"], q.Node = "properties.c", smallProperty("c")
	}
	if g.maybe(2) {
		q.Within = g.smallSpan(b, "within", 1)
		seen["within"]++
	}
	if g.maybe(2) {
		text, start := g.smallSeries(seen)
		b["start"], q.Start = text, &start
	}
	if g.maybe(3) {
		text, end := g.smallSeries(seen)
		b["end"], q.End = text, &end
	}
	want := [][]any{}
	for _, row := range q.Rows(h.events) {
		want = append(want, q.Cells(row))
		seen["path"]++
		for what, is := range map[string]bool{"started": q.Start != nil, "ended": q.End != nil, "repeats": q.Repeats, "other": row.SourceGroup == "other"} {
			if is {
				seen[what]++
			}
		}
	}
	h.equal(t, b, &question.PathsParams{Node: "event_type", Steps: 5, Within: "session", Top: 10, GapParams: question.GapParams{Gap: "30min"}, UnitParams: question.UnitParams{Unit: "user_id"}}, want)
	conserved(t, want, q.Steps)
}

func (h smallHistory) sessions(t *testing.T, g generator, seen map[string]int) {
	t.Helper()
	b := body{"interval": "all"}
	q := oracle.Sessions{
		Scope: g.smallScope(b, seen), Split: g.smallSplit(b, seen, "properties.c", "event_type", "entry.properties.c", "exit.properties.c"), Interval: "all", Gap: g.smallSpan(b, "gap", 2),
	}
	if g.maybe(2) {
		b["interval"], q.Interval = "hour", "hour"
	}
	if g.maybe(4) {
		b["fill"], q.Fill = "zero", true
	}
	want := [][]any{}
	for _, row := range q.Rows(h.events) {
		want = append(want, q.Cells(row))
		seen["session"] += row.Sessions
		seen["bounce"] += row.Bounces
		seen["longer"] += row.Sessions - row.Bounces
	}
	h.equal(t, b, &question.SessionsParams{IntervalParams: question.IntervalParams{Interval: "day"}, GapParams: question.GapParams{Gap: "30min"}, UnitParams: question.UnitParams{Unit: "user_id"}, SplitParams: question.SplitParams{Top: 10, Other: true}}, want)
}

// equal asks the engine that walks what a body says. p has the defaults of its parameters.
func (h smallHistory) equal(t *testing.T, b body, p question.Params, want [][]any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(b.String()), p), "%s", b)
	until := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	q, err := p.Question(until)
	require.NoError(t, err, "%s", b)
	table, err := q.Answer(t.Context(), engine.NewSource(until, until, walk.New(atOnce{}, 1, h.view, nil)))
	require.NoError(t, err, "%s", b)
	require.Equal(t, want, cells(table), "%s of %s", b, jsonOf(h.events))
}

// atOnce runs scans when they are asked for.
type atOnce struct{}

func (atOnce) Do(ctx context.Context, _ int64, scan func(context.Context) error) error {
	return scan(ctx)
}
