package question_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	warehouse "eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
	raw "eventanalytics/services/stats/engine/duckdb"
	"eventanalytics/services/stats/engine/walk"
	"eventanalytics/services/stats/question"
)

// TestGeneratedSessions asks for sessions and paths in the words of the contract, as they
// are posted, and compares the answers with the oracle's.
func TestGeneratedSessions(t *testing.T) {
	g := seeded(t, uint64(time.Now().UnixNano()))
	w := newWorld(t)
	seen := map[string]int{}
	rounds(t, seen, 2, []string{
		"session", "bounce", "longer", "group value", "group other", "group all", "null", "incomplete", "complete",
		"path", "unit", "place value", "place other", "place end", "missing", "started", "ended",
	}, func(round int) {
		for i, s := range scenes {
			project := int64(round*len(scenes) + i)
			g.kinds, g.near = g.someKinds(), s.at()
			w.scatter(t, g, project, g.events(s, 150+g.IntN(150)))
			t.Run(fmt.Sprintf("%d %s %s", round, s.zone, s.around[:10]), func(t *testing.T) {
				c := newComparison(t, g, w, s, project)
				for _, e := range c.whole {
					c.model = append(c.model, c.naive(e))
				}
				for range 12 {
					c.sessions(t, seen)
				}
			})
		}
	})
}

func (c *comparison) sessions(t *testing.T, seen map[string]int) {
	c.now = c.scene.at().Add(time.Duration(c.g.Int64N(int64(60*24*time.Hour)) - int64(10*24*time.Hour)))
	c.w.complete = c.now.Add(time.Duration(c.g.Int64N(int64(6*24*time.Hour))) - 5*24*time.Hour)
	c.snapshot = c.w.snapshot(t, c.project)

	b, sessions := c.g.sessions(c.scene, c.now)
	sessions.CompleteUntil = c.snapshot.CompleteUntil
	want := [][]any{}
	for _, row := range sessions.Rows(c.model) {
		want = append(want, sessions.Cells(row))
		seen["session"] += row.Sessions
		seen["bounce"] += row.Bounces
		seen["longer"] += row.Sessions - row.Bounces
		seen["group "+row.Name]++
		if row.Sessions == 0 {
			seen["null"]++
		}
		seen[map[bool]string{true: "incomplete", false: "complete"}[row.Incomplete]]++
	}
	c.walked(t, b, &question.SessionsParams{IntervalParams: question.IntervalParams{Interval: "day"}, GapParams: question.GapParams{Gap: "30min"}, UnitParams: question.UnitParams{Unit: "user_id"}, SplitParams: question.SplitParams{Top: 10, Other: true}}, want)

	b, paths := c.g.paths(c.scene, c.now)
	if paths.Unit.Source != "" {
		seen["unit"]++
	}
	want = [][]any{}
	for _, row := range paths.Rows(c.model) {
		want = append(want, paths.Cells(row))
		seen["path"] += row.Paths
		seen["place "+row.SourceGroup]++
		seen["place "+row.TargetGroup]++
		if row.Source == nil && row.SourceGroup == "value" {
			seen["missing"]++
		}
		if paths.Start != nil {
			seen["started"]++
		}
		if paths.End != nil {
			seen["ended"]++
		}
	}
	c.walked(t, b, &question.PathsParams{Node: "event_type", Steps: 5, Within: "session", Top: 10, GapParams: question.GapParams{Gap: "30min"}, UnitParams: question.UnitParams{Unit: "user_id"}}, want)
	conserved(t, want, paths.Steps)
}

// conserved: what comes into a node at a step goes out of it, or ends.
func conserved(t *testing.T, rows [][]any, steps int) {
	t.Helper()
	in, out := map[string]int{}, map[string]int{}
	for _, row := range rows {
		step, paths := row[0].(int), row[5].(int)
		out[fmt.Sprint(step, row[1], row[2])] += paths
		if row[4] != "end" && step+1 < steps {
			in[fmt.Sprint(step+1, row[3], row[4])] += paths
		}
	}
	for node, n := range in {
		require.Equal(t, n, out[node], node)
	}
}

// walked asks what a body says of the engine that walks, over files made of the segments.
// p has the defaults of its parameters.
func (c *comparison) walked(t *testing.T, b body, p question.Params, want [][]any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(b.String()), p), "%s", b)
	q, err := p.Question(c.now)
	require.NoError(t, err, "%s", b)
	about := fmt.Sprintf("%s at %s of %s", b, c.now, c.snapshot.CompleteUntil)
	got, _, err := c.ask(t.Context(), q, c.walk(t))
	require.NoError(t, err, "%s", about)
	require.Equal(t, want, got, "%s", about)
}

// walk is the engine that walks, over files that are made in memory.
func (d data) walk(t testing.TB) engine.Engine {
	t.Helper()
	var files []*warehouse.File
	for i, s := range d.snapshot.Segments(d.project, time.Time{}, time.Time{}) {
		var names []string
		if i%2 == 0 {
			names = append([]string{"n"}, someKeys...)
		}
		f, err := warehouse.Make(t.Context(), filepath.Join(d.w.dir, s.Path), d.project, s.Shredded, names)
		require.NoError(t, err)
		files = append(files, f)
	}
	return walk.New(d.w.db, d.project, warehouse.NewView(files).WithPersons(d.snapshot.Persons(d.project)), raw.NewRows(d.w.db, d.snapshot.Snapshot, d.project))
}

// TestLongSessions: a session belongs to the range that it begins in, whole, however far
// it goes on behind it, and not to one that it only reaches into, however short the pause.
func TestLongSessions(t *testing.T) {
	w := newWorld(t)
	w.complete = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	begin := time.Date(2025, 8, 4, 12, 0, 0, 0, time.UTC)
	every20 := func(user string, from time.Time, n int) (events []event.Event) {
		for i := range n {
			at := from.Add(time.Duration(i) * 20 * time.Minute)
			events = append(events, event.Event{ID: uuid.New(), OccurredAt: at.UnixMicro(), UserID: user, Type: []string{"view", "view", "buy"}[i%3]})
		}
		return events
	}
	const days = 40
	w.add(t, 1, every20("long", begin, days*72))
	w.add(t, 1, every20("longer", begin, days*72+1))
	w.add(t, 1, every20("before", begin.Add(-24*time.Hour), 200))
	w.add(t, 1, every20("short", begin, 2))
	d := w.data(t, 1, w.complete)
	ask := func(p question.Params, text string) [][]any {
		require.NoError(t, json.Unmarshal([]byte(text), p))
		q, err := p.Question(w.complete)
		require.NoError(t, err)
		rows, _, err := d.ask(t.Context(), q, d.walk(t))
		require.NoError(t, err)
		return rows
	}
	rows := ask(&question.SessionsParams{GapParams: question.GapParams{Gap: "30min"}, UnitParams: question.UnitParams{Unit: "user_id"}, IntervalParams: question.IntervalParams{Interval: "day"}},
		`{"from":"2025-08-04","to":"2025-08-04","timezone":"UTC"}`)
	long := float64(1200 * days * 72)
	require.Equal(t, [][]any{{"2025-08-04", 3, 3, 1.0, float64(2*days*72+3) / 3, 0, 0.0, (2*long - 1200 + 1200) / 3, long - 1200, false}}, rows)
	require.Empty(t, ask(&question.SessionsParams{GapParams: question.GapParams{Gap: "30min"}, UnitParams: question.UnitParams{Unit: "user_id"}, IntervalParams: question.IntervalParams{Interval: "day"}},
		`{"from":"2025-08-05","to":"2025-08-20","timezone":"UTC"}`))
	// The last event alone is another: all others of the session come before it.
	w.add(t, 1, []event.Event{{ID: uuid.New(), OccurredAt: begin.Add(days * 24 * time.Hour).UnixMicro(), UserID: "long", Type: "last"}})
	d = w.data(t, 1, w.complete)
	rows = ask(&question.PathsParams{Node: "event_type", GapParams: question.GapParams{Gap: "20min"}, UnitParams: question.UnitParams{Unit: "user_id"}, Top: 10, Within: "session"},
		`{"from":"2025-08-04","to":"2025-08-04","timezone":"UTC","steps":3,"filter":{"not":"event_type:buy"},"end":"last"}`)
	require.Equal(t, [][]any{{1, "view", "value", "last", "value", 1, 1}, {2, "last", "value", nil, "end", 1, 1}}, rows)
}

// TestFirstOfUnits: the first event of a unit is that of all time, also where the unit's
// property is known from rows alone.
func TestFirstOfUnits(t *testing.T) {
	w := newWorld(t)
	w.complete = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(day int, typ, device string) event.Event {
		return event.Event{
			ID: uuid.New(), OccurredAt: time.Date(2025, 8, day, 12, 0, 0, 0, time.UTC).UnixMicro(),
			UserID: "u", Type: typ, Properties: `{"device":"` + device + `"}`,
		}
	}
	w.add(t, 1, []event.Event{at(1, "seen", "old")})
	w.add(t, 1, []event.Event{at(4, "again", "old"), at(4, "met", "new")})
	d := w.data(t, 1, w.complete)
	p := question.PathsParams{Node: "event_type", GapParams: question.GapParams{Gap: "30min"}, UnitParams: question.UnitParams{Unit: "properties.device"}, Top: 10, Within: "session", Steps: 2}
	require.NoError(t, json.Unmarshal([]byte(`{"from":"2025-08-04","to":"2025-08-04","timezone":"UTC","start":{"event":"*","first":true}}`), &p))
	q, err := p.Question(w.complete)
	require.NoError(t, err)
	rows, _, err := d.ask(t.Context(), q, d.walk(t))
	require.NoError(t, err)
	require.Equal(t, [][]any{{1, "met", "value", nil, "end", 1, 1}}, rows)
}
