package question_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
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

func TestMain(m *testing.M) {
	// The naive model reads the same tz database through package time.
	if err := os.Setenv("ZONEINFO", "../../../pkg/calendar/zoneinfo.zip"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func seeded(t testing.TB, seed uint64) generator {
	if s := os.Getenv("SEED"); s != "" {
		_, err := fmt.Sscan(s, &seed)
		require.NoError(t, err)
	}
	t.Logf("SEED=%d", seed)
	return generator{Rand: rand.New(rand.NewPCG(seed, 0))}
}

// rounds calls ask until it has seen each of some things more than so many times: chance may
// leave some out at first.
func rounds(t *testing.T, seen map[string]int, more int, what []string, ask func(round int)) {
	t.Helper()
	missing := func(w string) bool { return seen[w] <= more }
	for round := 0; round == 0 || round < 10 && slices.ContainsFunc(what, missing); round++ {
		ask(round)
	}
	t.Log(seen)
	require.False(t, slices.ContainsFunc(what, missing), "%v", slices.DeleteFunc(what, func(w string) bool { return !missing(w) }))
}

// TestQuestions compares every question with the oracle, from the events and from
// roll-ups, on random events of several projects, written in several segments in
// any order.
func TestQuestions(t *testing.T) {
	g := seeded(t, uint64(time.Now().UnixNano()))
	w := newWorld(t)
	for i, s := range scenes {
		for p := range 2 {
			project := int64(10*i + p)
			g.kinds = g.someKinds()
			w.scatter(t, g, project, g.events(s, 150+g.IntN(250)))
		}
	}
	require.NotEmpty(t, w.shredded[duckdb.Text])
	require.NotEmpty(t, w.shredded[duckdb.Integer])
	require.NotEmpty(t, w.shredded[duckdb.Number])
	for i, s := range scenes {
		t.Run(fmt.Sprintf("%s %s", s.zone, s.around[:10]), func(t *testing.T) {
			for p := range 2 {
				g.near, g.cohorts = s.at(), nil
				g.cohorts = g.someCohorts(w.keys, w.linked[int64(10*i+p)])
				c := newComparison(t, g, w, s, int64(10*i+p))
				c.all(t)
			}
		})
	}
	t.Log("answers", w.answers, "incomplete", w.marked)
	require.Greater(t, w.marked[true], 100)
	require.Greater(t, w.marked[false], 100)
	require.Greater(t, w.answers["rollup"], 50)
	require.Greater(t, w.answers["raw"], 50)
	require.Greater(t, w.answers["walk"], 50)
	// What the walk refuses must not hide what it should answer.
	require.Greater(t, w.answers["walk alone"], w.answers["raw alone"]/2)
	require.Greater(t, w.answers["files of walk alone"], w.answers["raw alone"]/10)
	require.Positive(t, w.answers["values containing"])
	for _, what := range []string{"users", "pages of users", "known properties", "events of users", "walked question.Timeline", "walked question.Profiles", "walked question.LatestEvents"} {
		require.Greater(t, w.answers[what], 5, what)
	}
	require.Greater(t, w.answers["rollup of new questions"], 50)
	require.Greater(t, w.answers["links"], 10)
	require.Greater(t, w.answers["said"], 10)
	require.Positive(t, w.answers["persons by another id"])
}

// lastDay is after all events.
const lastDay = "2100-01-01"

// comparison asks the same of the engines and of the oracle.
type comparison struct {
	data
	g     generator
	scene scene
	zone  *calendar.Zone
	loc   *time.Location
	whole []event.Event  // all events
	model []oracle.Event // those of the filters at hand
	links oracle.Links
	said  oracle.Operations
}

func newComparison(t *testing.T, g generator, w *world, s scene, project int64) *comparison {
	zone, err := calendar.Load(s.zone)
	require.NoError(t, err)
	loc, err := time.LoadLocation(s.zone)
	require.NoError(t, err)
	d := w.data(t, project, time.Time{})
	d.cohorts = g.named()
	return &comparison{data: d, g: g, scene: s, zone: zone, loc: loc, whole: w.events[project], links: w.linked[project].links, said: w.said[project]}
}

func (c *comparison) all(t *testing.T) {
	c.now = c.scene.at().Add(time.Duration(c.g.Int64N(int64(60*24*time.Hour)) - int64(10*24*time.Hour)))
	c.w.complete = c.now.Add(time.Duration(c.g.Int64N(int64(6*24*time.Hour))) - 5*24*time.Hour)
	c.snapshot = c.w.snapshot(t, c.project)
	scope, filter, about := c.scope(t)
	from := c.scene.at().AddDate(0, 0, c.g.IntN(40)-30)
	if c.g.IntN(3) == 0 { // close to where the calendar is odd
		from = c.scene.at().AddDate(0, 0, c.g.IntN(5)-3)
	}
	to := from.AddDate(0, 0, pick(c.g, []int{0, 1, 3, 10, 45}))
	days := question.Days{From: calendar.DateOf(from), To: calendar.DateOf(to)}
	first, last := days.From.String(), days.To.String()
	about += " " + first + "…" + last
	c.model = c.kept(filter, first, last)

	for _, scope.Fill = range []string{"", "zero"} {
		about := fmt.Sprintf("%s fill=%s", about, scope.Fill)
		labels := oracle.Buckets("day", first, last, c.loc)
		dau := oracle.DAU(c.model, first, last, c.loc)
		if scope.Fill != "" {
			dau = oracle.Fill(dau, labels, func(r oracle.DayUsers) string { return r.Date }, func(day string) oracle.DayUsers { return oracle.DayUsers{Date: day} })
		}
		c.equal(t, about, question.DAU{Days: days, Scope: scope}, c.marked(fields(dau), "day", days))
		for _, window := range []int{1, 7, 30} {
			active := oracle.ActiveUsers(c.model, first, last, c.loc, window)
			if scope.Fill != "" {
				active = oracle.Fill(active, labels, func(r oracle.DayActive) string { return r.Date }, func(day string) oracle.DayActive { return oracle.DayActive{Date: day} })
			}
			c.equal(t, fmt.Sprintf("%s window=%d", about, window), question.ActiveUsers{Days: days, Window: window, Scope: scope}, c.marked(fields(active), "day", days))
		}
		for _, unit := range []calendar.Unit{calendar.Hour, calendar.Day, calendar.Week, calendar.Month} {
			c.events(t, fmt.Sprintf("%s interval=%s", about, unit), question.Events{Days: days, Interval: unit, Scope: scope})
		}
	}
	limit := 1 + c.g.IntN(8)
	c.equal(t, about, question.TopEvents{Days: days, Limit: limit, Include: "users", Scope: scope},
		fields(oracle.TopEventsUsers(c.model, first, last, c.loc, limit)))
	c.equal(t, about, question.TopEvents{Days: days, Limit: limit, Scope: scope}, fields(oracle.TopEvents(c.model, first, last, c.loc, limit)))
	ever := c.kept(filter, "", lastDay)
	types := oracle.EventTypes(ever, c.loc)
	after := ""
	if len(types) > 1 && c.g.IntN(2) == 0 {
		after, types = types[0].Type, types[1:]
	}
	page := 1 + c.g.IntN(len(types)+1)
	eventTypes, latest := question.EventTypes{Limit: page, After: after, Scope: scope}, question.LatestEvents{Limit: limit, Scope: scope}
	if c.g.looksBack(scope.Filter) {
		for _, q := range []question.Question{eventTypes, latest} {
			_, _, err := c.ask(t.Context(), q, c.raw())
			require.ErrorIs(t, err, engine.ErrNoEnd, about)
		}
	} else {
		c.equal(t, fmt.Sprintf("%s after=%q limit=%d", about, after, page), eventTypes, fields(types[:min(page, len(types))]))
		c.latest(t, about, latest, ever)
		if len(c.whole) > 0 {
			before := pick(c.g, c.whole)
			latest.Before = &before.ID
			c.latest(t, about+" before an event", latest, oracle.Before(ever, naive(before)))
		}
	}
	c.walkedLatest(t)
	c.properties(t, about, scope, days)
	c.propertyValues(t)
	c.profiles(t)
	c.user(t)
	if !c.g.looksBack(scope.Filter) {
		c.timeline(t, about, scope, ever)
	}
	c.one(t)
	if !ofUsers(scope.Filter) { // a compared range has users as of its own end
		c.asked(t, about, scope, days)
	}
	for _, unit := range []calendar.Unit{calendar.Day, calendar.Week, calendar.Month} {
		c.retention(t, about, scope, days, unit)
	}
	c.model, scope.Segment, scope.Filter = nil, nil, syntax.Filter{} // of all events roll-ups know the most
	for _, e := range c.whole {
		c.model = append(c.model, c.naive(e))
	}
	c.asked(t, "all events "+first+"…"+last, scope, days)
}

// scope makes random filters, also for the oracle; every third time none, since roll-ups
// know users of all events alone.
func (c *comparison) scope(t *testing.T) (question.Scope, oracle.Filter, string) {
	scope := question.Scope{Timezone: c.zone}
	if c.g.IntN(3) == 0 {
		return scope, oracle.All{}, "no filter"
	}
	var all oracle.All
	about := "segments"
	for range pick(c.g, []int{0, 1, 1, 1, 2}) {
		text, condition := c.g.filter()
		f, err := syntax.ParseSegment(text)
		require.NoError(t, err, text)
		scope.Segment = append(scope.Segment, f)
		all = append(all, condition)
		about += fmt.Sprintf(" %q", text)
	}
	if c.g.IntN(3) > 0 {
		c.g.near = c.scene.at()
		tree, filter := c.g.tree(3)
		text, err := json.Marshal(tree)
		require.NoError(t, err)
		scope.Filter, err = syntax.ParseFilterJSON(text)
		require.NoError(t, err, string(text))
		all = append(all, filter)
		about += " filter " + string(text)
	}
	return scope, all, about
}

// ofUsers says whether a filter is on what is known of users.
func ofUsers(f syntax.Filter) bool {
	if f.Form == syntax.DidSo || f.Form == syntax.ReachedSo || slices.ContainsFunc(f.Of, ofUsers) {
		return true
	}
	for c := range f.Conditions {
		switch c.Field.Source {
		case syntax.UserProperty, syntax.FirstProperty, syntax.FirstSeen, syntax.LastSeen, syntax.Cohort:
			return true
		}
	}
	return false
}

// kept are the events for which a filter holds in a question about some days.
func (c *comparison) kept(filter oracle.Filter, from, to string) []oracle.Event {
	var events []oracle.Event
	for _, e := range c.whole {
		events = append(events, c.naive(e))
	}
	return oracle.Keep(events, filter, from, to, c.loc)
}

// naive is an event as the oracle takes it.
func naive(e event.Event) oracle.Event {
	return oracle.Event{ID: e.ID.String(), UserID: e.UserID, Type: e.Type, At: time.UnixMicro(e.OccurredAt), Properties: e.Properties}
}

// naive is an event of a person.
func (c *comparison) naive(e event.Event) oracle.Event {
	return c.said.Of(c.links.Of([]oracle.Event{naive(e)}), c.links)[0]
}

func (c *comparison) events(t *testing.T, about string, q question.Events) {
	first, last := q.From.String(), q.To.String()
	for _, q.By = range []string{"", "event_type"} {
		want := oracle.Events(c.model, first, last, c.loc, string(q.Interval), q.By != "")
		if q.Fill != "" {
			want = c.fill(want, oracle.Buckets(string(q.Interval), first, last, c.loc), q.By != "")
		}
		if q.By == "" {
			c.equal(t, about, q, c.marked(fields(want, "Type"), string(q.Interval), q.Days))
		} else {
			c.equal(t, about+" by type", q, c.marked(fields(want), string(q.Interval), q.Days))
		}
	}
}

// marked adds to rows of buckets which of them are incomplete.
func (c *comparison) marked(rows [][]any, unit string, days question.Days) [][]any {
	until := c.now
	if c.w.complete.Before(until) {
		until = c.w.complete
	}
	known := map[string]bool{}
	for _, row := range rows {
		label := row[0].(string)
		if _, ok := known[label]; !ok {
			known[label] = oracle.Incomplete(unit, label, days.From.String(), days.To.String(), c.loc, until)
		}
		row[len(row)-1] = known[label]
		c.w.marked[known[label]]++
	}
	return rows
}

// fill makes a row for each bucket, and for each type that there is in it.
func (c *comparison) fill(rows []oracle.BucketCount, buckets []string, byType bool) []oracle.BucketCount {
	types := []string{""}
	if byType {
		seen := make([]oracle.Event, len(rows))
		for i, r := range rows {
			seen[i].Type = r.Type
		}
		types = oracle.Types(seen)
	}
	var labels []string
	for _, b := range buckets {
		for _, name := range types {
			labels = append(labels, b+" "+name)
		}
	}
	return oracle.Fill(rows, labels, func(r oracle.BucketCount) string { return r.Bucket + " " + r.Type }, func(label string) oracle.BucketCount {
		bucket, name, _ := strings.Cut(label, " ")
		return oracle.BucketCount{Bucket: bucket, Type: name}
	})
}

// latest asks for the latest of some events.
func (c *comparison) latest(t *testing.T, about string, q question.LatestEvents, of []oracle.Event) {
	want := fields(oracle.Latest(of, c.loc, q.Limit))
	c.equal(t, about, q, want)
	c.sameWalked(t, about, c.named(t), q, want)
}

// walkedLatest asks the engine that walks for the latest events of random filters.
func (c *comparison) walkedLatest(t *testing.T) {
	walked := c.named(t)
	for range 10 {
		scope, filter, about := c.scope(t)
		if c.g.looksBack(scope.Filter) {
			continue
		}
		q, of := question.LatestEvents{Limit: 1 + c.g.IntN(20), Scope: scope}, c.kept(filter, "", lastDay)
		if c.g.IntN(2) == 0 {
			before := pick(c.g, c.whole)
			q.Before, of = &before.ID, oracle.Before(of, naive(before))
		}
		c.sameWalked(t, about, walked, q, fields(oracle.Latest(of, c.loc, q.Limit)))
	}
}

func (c *comparison) properties(t *testing.T, about string, scope question.Scope, days question.Days) {
	q := question.Properties{Days: days, Scope: scope}
	asked := oracle.Properties{Scope: oracle.Scope{From: days.From.String(), To: days.To.String(), Zone: c.loc}}
	if c.g.IntN(2) == 0 {
		q.Series.Events = []string{pick(c.g, someTypes), pick(c.g, someTypes)}
		asked.Series.Types = q.Series.Events
	}
	c.equal(t, fmt.Sprintf("%s series=%q", about, q.Series.Events), q, fields(asked.Rows(c.model)))
}

func (c *comparison) one(t *testing.T) {
	e := pick(c.g, c.whole)
	c.equal(t, "one", question.Event{EventID: e.ID, Timezone: c.zone}, fields(oracle.One([]oracle.Event{naive(e)}, c.loc, e.ID.String())))
	c.equal(t, "none", question.Event{EventID: uuid.UUID{1}, Timezone: c.zone}, [][]any{})
}

func (c *comparison) retention(t *testing.T, about string, scope question.Scope, days question.Days, unit calendar.Unit) {
	q := question.Retention{
		StartDate: days.From, EndDate: days.To, Granularity: unit, Windows: 1 + c.g.IntN(12),
		Cohort: pick(c.g, []string{"first_ever", "in_period"}), Scope: scope,
	}
	if c.g.IntN(2) == 0 {
		q.EventType = pick(c.g, someTypes)
	}
	if c.g.IntN(2) == 0 {
		q.ReturningEventType = pick(c.g, someTypes)
	}
	later := *c
	later.now = c.scene.at().Add(time.Duration(c.g.Int64N(int64(60*24*time.Hour)) - int64(10*24*time.Hour)))
	c.w.complete = later.now.Add(-time.Duration(c.g.Int64N(int64(5 * 24 * time.Hour))))
	later.snapshot = c.w.snapshot(t, c.project)
	want := oracle.Retention{
		Start: q.StartDate.String(), End: q.EndDate.String(), Granularity: string(unit), Windows: q.Windows,
		InPeriod: q.Cohort == "in_period", Founding: q.EventType, Returning: q.ReturningEventType,
		Zone: c.loc, Now: later.now, CompleteUntil: c.w.complete,
	}.Rows(c.model)
	later.equal(t, fmt.Sprintf("%s %+v now=%s complete=%s", about, q, later.now, c.w.complete), q, fields(want))
}

// equal compares the answers of each engine alone, and of all in their order.
func (c *comparison) equal(t *testing.T, about string, q question.Question, want [][]any) {
	t.Helper()
	served := ""
	c.each(t, q, want, about, func(name string) {
		c.w.answers[name+" alone"]++
		if served == "" && name != "files of walk" {
			served = name
		}
	})
	got, from, err := c.ask(t.Context(), q, c.inOrder()...)
	require.NoError(t, err, "%T %s", q, about)
	require.Equal(t, served, from, "%T %s", q, about)
	require.Equal(t, want, got, "%T %s from %s", q, about, from)
	c.w.answers[from]++
}
