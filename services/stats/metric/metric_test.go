package metric

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/replica"
	"eventanalytics/pkg/warehouse/segment"
)

func TestMain(m *testing.M) {
	// The naive model reads the same tz database through package time.
	if err := os.Setenv("ZONEINFO", "../../../pkg/calendar/zoneinfo.zip"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// world is a warehouse with events of some projects.
type world struct {
	dir      string
	db       *duckdb.DB
	builder  *duckdb.Builder
	events   map[int64][]event.Event
	keys     map[string]uint32 // of users
	segments []segment.Segment
	complete time.Time
	answers  map[string]int      // compared, by what they came from
	shredded map[string][]string // keys by kind
}

func newWorld(t testing.TB) *world {
	cfg := warehouse.Config{
		Dir: t.TempDir(), MemoryLimit: "1GiB", Threads: 1, MaxQueries: 2, QueryTimeout: time.Minute,
	}
	db, err := duckdb.Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	builder, err := duckdb.NewBuilder(cfg)
	require.NoError(t, err)
	builder.ShredFrom = 1
	t.Cleanup(func() { require.NoError(t, builder.Close()) })
	return &world{dir: cfg.Dir, db: db, builder: builder, events: map[int64][]event.Event{}, keys: map[string]uint32{}, answers: map[string]int{}, shredded: map[string][]string{}}
}

func (w *world) keysOf(events []event.Event) []uint32 {
	keys := make([]uint32, len(events))
	for i, e := range events {
		key, ok := w.keys[e.UserID]
		if !ok {
			key = uint32(len(w.keys))
			w.keys[e.UserID] = key
		}
		keys[i] = key
	}
	return keys
}

// add writes events as one segment.
func (w *world) add(t testing.TB, project int64, events []event.Event) {
	if len(events) == 0 {
		return
	}
	s, err := w.builder.Write(t.Context(), project, events, w.keysOf(events), 1)
	require.NoError(t, err)
	w.segments = append(w.segments, s)
	w.events[project] = append(w.events[project], events...)
}

// compact merges some of a project's segments, whose properties become columns
// where they can.
func (w *world) compact(t testing.TB, g generator, project int64) {
	var in, rest []segment.Segment
	g.Shuffle(len(w.segments), func(i, j int) { w.segments[i], w.segments[j] = w.segments[j], w.segments[i] })
	for _, s := range w.segments {
		if s.ProjectID == project && (len(in) == 0 || g.IntN(2) == 0) {
			in = append(in, s)
		} else {
			rest = append(rest, s)
		}
	}
	out, err := w.builder.Merge(t.Context(), in, int64(1+g.IntN(300)), 1)
	require.NoError(t, err)
	for _, s := range out {
		for _, name := range s.Shredded {
			kind, key, _ := strings.Cut(name, ":")
			w.shredded[kind] = append(w.shredded[kind], key)
		}
	}
	w.segments = append(rest, out...)
}

func (w *world) source(t testing.TB, project int64, now time.Time) Source {
	snapshot, err := replica.NewSnapshot(t.Context(),
		manifest.NewSnapshot(1, outbox.Position{}, w.complete, w.segments, map[int64]int64{project: 1}), w.db.Files())
	require.NoError(t, err)
	return Source{DB: w.db, Project: project, Now: now, Snapshot: snapshot}
}

func seeded(t testing.TB, seed uint64) generator {
	if s := os.Getenv("SEED"); s != "" {
		_, err := fmt.Sscan(s, &seed)
		require.NoError(t, err)
	}
	t.Logf("SEED=%d", seed)
	return generator{Rand: rand.New(rand.NewPCG(seed, 0))}
}

// TestMetrics compares every metric with the naive model, from the events and from
// roll-ups, on random events of several projects, written in several segments in
// any order.
func TestMetrics(t *testing.T) {
	g := seeded(t, uint64(time.Now().UnixNano()))
	w := newWorld(t)
	for i, s := range scenes {
		for p := range 2 {
			project := int64(10*i + p)
			g.kinds = g.someKinds()
			events := g.events(s, 150+g.IntN(250))
			for len(events) > 0 {
				n := 1 + g.IntN(len(events))
				w.add(t, project, events[:n])
				events = events[n:]
			}
			for range g.IntN(4) {
				w.compact(t, g, project)
			}
		}
	}
	require.NotEmpty(t, w.shredded[duckdb.Text])
	require.NotEmpty(t, w.shredded[duckdb.Integer])
	require.NotEmpty(t, w.shredded[duckdb.Number])
	for i, s := range scenes {
		t.Run(fmt.Sprintf("%s %s", s.zone, s.around[:10]), func(t *testing.T) {
			for p := range 2 {
				c := newComparison(t, g, w, s, int64(10*i+p))
				for range 2 {
					c.all(t)
				}
			}
		})
	}
	t.Log("answers", w.answers)
	require.Greater(t, w.answers[FromRollUp], 50)
	require.Greater(t, w.answers[FromEvents], 50)
}

// comparison asks the same of the metrics and of the model.
type comparison struct {
	g     generator
	w     *world
	scene scene
	zone  *calendar.Zone
	whole naive // all events
	model naive // those of the filters at hand
	src   Source
}

func newComparison(t *testing.T, g generator, w *world, s scene, project int64) *comparison {
	zone, err := calendar.Load(s.zone)
	require.NoError(t, err)
	loc, err := time.LoadLocation(s.zone)
	require.NoError(t, err)
	return &comparison{
		g: g, w: w, scene: s, zone: zone,
		whole: naive{events: w.events[project], loc: loc},
		src:   w.source(t, project, time.Time{}),
	}
}

func (c *comparison) all(t *testing.T) {
	scope, about := c.scope(t)
	from := c.scene.at().AddDate(0, 0, c.g.IntN(40)-30)
	if c.g.IntN(3) == 0 { // close to where the calendar is odd
		from = c.scene.at().AddDate(0, 0, c.g.IntN(5)-3)
	}
	to := from.AddDate(0, 0, pick(c.g, []int{0, 1, 3, 10, 45}))
	r := Range{calendar.DateOf(from), calendar.DateOf(to)}
	first, last := r.From.String(), r.To.String()
	about += " " + first + "…" + last

	for _, fill := range []bool{false, true} {
		about := fmt.Sprintf("%s fill=%t", about, fill)
		c.equal(t, about, DAU{scope, r, fill}, c.model.dau(first, last, fill))
		for _, window := range []int{1, 7, 30} {
			c.equal(t, fmt.Sprintf("%s window=%d", about, window), ActiveUsers{scope, r, window, fill},
				c.model.activeUsers(first, last, window, fill))
		}
		for _, unit := range []calendar.Unit{calendar.Hour, calendar.Day, calendar.Week, calendar.Month} {
			about := fmt.Sprintf("%s interval=%s", about, unit)
			want := c.model.eventCounts(first, last, string(unit), true, fill)
			c.equal(t, about+" by type", Events{scope, r, unit, true, fill}, want)
			plain := []EventsRow{}
			for _, row := range c.model.eventCounts(first, last, string(unit), false, fill) {
				plain = append(plain, EventsRow{row.Bucket, row.Events, row.Users})
			}
			c.equal(t, about, Events{scope, r, unit, false, fill}, plain)
		}
	}
	limit := 1 + c.g.IntN(8)
	top := c.model.topEvents(first, last, limit)
	c.equal(t, about, TopEvents{scope, r, limit, true}, top)
	plain := []TopEventsRow{}
	for _, row := range top {
		plain = append(plain, TopEventsRow{row.EventType, row.TotalCount})
	}
	c.equal(t, about, TopEvents{scope, r, limit, false}, plain)
	c.equal(t, about, EventTypes{scope}, c.model.eventTypes())
	c.equal(t, about, LatestEvents{scope, limit}, c.model.latest(limit))
	c.one(t)
	for _, unit := range []calendar.Unit{calendar.Day, calendar.Week, calendar.Month} {
		c.retention(t, about, scope, r, unit)
	}
}

// scope makes random filters, also for the model.
func (c *comparison) scope(t *testing.T) (Scope, string) {
	scope := Scope{Zone: c.zone}
	var conditions []func(event.Event) bool
	about := "segments"
	for range pick(c.g, []int{0, 1, 1, 1, 2}) {
		text, holds := c.g.filter()
		f, err := ParseFilter(text)
		require.NoError(t, err, text)
		scope.Filters = append(scope.Filters, f)
		conditions = append(conditions, holds)
		about += fmt.Sprintf(" %q", text)
	}
	c.model = c.whole.filter(conditions)
	return scope, about
}

func (c *comparison) one(t *testing.T) {
	e := pick(c.g, c.whole.events)
	c.equal(t, "one", OneEvent{Scope{Zone: c.zone}, e.ID},
		[]EventRow{{e.ID.String(), c.model.format(e.OccurredAt), e.UserID, e.Type, JSON(e.Properties)}})
	c.equal(t, "none", OneEvent{Scope{Zone: c.zone}, uuid.UUID{1}}, []EventRow{})
}

func (c *comparison) retention(t *testing.T, about string, scope Scope, r Range, unit calendar.Unit) {
	q := Retention{Scope: scope, Range: r, Unit: unit, Windows: 1 + c.g.IntN(12), InPeriod: c.g.IntN(2) == 0}
	if c.g.IntN(2) == 0 {
		q.Founding = pick(c.g, someTypes)
	}
	if c.g.IntN(2) == 0 {
		q.Returning = pick(c.g, someTypes)
	}
	src := c.src
	src.Now = c.scene.at().Add(time.Duration(c.g.Int64N(int64(60*24*time.Hour)) - int64(10*24*time.Hour)))
	c.w.complete = src.Now.Add(-time.Duration(c.g.Int64N(int64(5 * 24 * time.Hour))))
	src.Snapshot = c.w.source(t, src.Project, src.Now).Snapshot
	got, err := q.Rows(t.Context(), src)
	require.NoError(t, err)
	c.fromRollUp(t, fmt.Sprintf("%s %+v", about, q), q, got, src)
	var text []string
	for v := reflect.ValueOf(got); len(text) < v.Len(); {
		row, fields := v.Index(len(text)), []any{}
		for i := range row.NumField() {
			fields = append(fields, row.Field(i).Interface())
		}
		text = append(text, fmt.Sprint(fields...))
	}
	want := c.model.retention(naiveRetention{
		r.From.String(), r.To.String(), string(unit), q.Windows, q.InPeriod, q.Founding, q.Returning, src.Now, c.w.complete,
	})
	if len(want) == 0 {
		want = nil
	}
	require.Equal(t, want, text, "%s %+v now=%s complete=%s", about, q, src.Now, c.w.complete)
}

func (c *comparison) equal(t *testing.T, about string, q Query, want any) {
	t.Helper()
	got, err := q.Rows(t.Context(), c.src)
	require.NoError(t, err, "%s %s", q.Name(), about)
	require.Equal(t, want, got, "%s %s", q.Name(), about)
	c.fromRollUp(t, about, q, got, c.src)
}

// fromRollUp compares with the answer from the roll-up, if there is one, and
// counts it.
func (c *comparison) fromRollUp(t *testing.T, about string, q Query, want any, src Source) {
	t.Helper()
	got, from, err := Answer(t.Context(), q, src)
	require.NoError(t, err, "%s %s", q.Name(), about)
	require.Equal(t, want, got, "%s %s from %s", q.Name(), about, from)
	c.w.answers[from]++
}

func TestQueriesEndWithTheirContext(t *testing.T) {
	w := newWorld(t)
	w.add(t, 1, seeded(t, 1).events(scenes[0], 100))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	_, err = EventTypes{Scope{Zone: zone}}.Rows(ctx, w.source(t, 1, time.Time{}))
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
	scope := Scope{Zone: zone}
	r := Range{calendar.Date(13449), calendar.Date(13450)}
	require.Equal(t, "2006-10-28 2006-10-29", r.From.String()+" "+r.To.String())
	src := w.source(t, 1, time.UnixMicro(at("2006-12-01T00:00:00Z")))
	src.Snapshot.CompleteUntil = src.Now

	rows, err := DAU{scope, r, false}.Rows(t.Context(), src)
	require.NoError(t, err)
	require.Equal(t, []DAURow{{"2006-10-28", 2}, {"2006-10-29", 2}}, rows)
	rows, err = Retention{Scope: scope, Range: r, Unit: calendar.Day, Windows: 2}.Rows(t.Context(), src)
	require.NoError(t, err)
	one, err := Retention{Scope: scope, Range: Range{r.From, r.From}, Unit: calendar.Day, Windows: 1}.Rows(t.Context(), src)
	require.NoError(t, err)
	require.Equal(t, []DayRetentionRow{{"2006-10-28", 0, 1, 1, 1, false}}, one, "a came first on the 29th")
	require.Equal(t, []DayRetentionRow{
		{"2006-10-28", 0, 1, 1, 1, false}, {"2006-10-28", 1, 1, 1, 1, false},
		{"2006-10-29", 0, 1, 1, 1, false}, {"2006-10-29", 1, 1, 0, 0, false},
	}, rows)
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
	q := DAU{Scope{Zone: zone}, Range{at - 30, at + 30}, false}
	src := w.source(t, 1, time.Time{})
	want, err := q.Rows(t.Context(), src)
	require.NoError(t, err)
	require.NotEmpty(t, want)
	require.NoError(t, os.Remove(filepath.Join(w.dir, w.segments[0].RollUpPath())))
	got, from, err := Answer(t.Context(), q, src)
	require.NoError(t, err)
	require.Equal(t, FromEvents, from)
	require.Equal(t, want, got)
	q.Zone, err = calendar.Load("UTC")
	require.NoError(t, err)
	_, from, err = Answer(t.Context(), q, src)
	require.NoError(t, err)
	require.Equal(t, FromRollUp, from, "whole days are in memory")
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
	require.Equal(t, []string{"number:n"}, out[0].Shredded)
	w.segments = out
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	for text, want := range map[string]int{
		"properties.n=9007199254740993": 0, "properties.n>=9007199254740992": 1, "properties.n<9007199254740993": 3,
		"properties.n=9007199254740993.0": 1, "properties.n~1.5": 1, "properties.n=1.50": 1,
	} {
		f, err := ParseFilter(text)
		require.NoError(t, err)
		rows, err := TopEvents{Scope{zone, []Filter{f}}, Range{calendar.Date(20301), calendar.Date(20301)}, 10, false}.Rows(t.Context(), w.source(t, 1, time.Time{}))
		require.NoError(t, err)
		n := 0
		for _, row := range rows.([]TopEventsRow) {
			n += int(row.TotalCount)
		}
		require.Equal(t, want, n, text)
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
		require.Equal(t, []string{"number:n"}, w.segments[0].Shredded)
		require.Empty(t, w.segments[1].Shredded)
		for _, condition := range []string{"=0", "=-0", "=0.0", "=-0.0", "=-0e1", ":in(7,-0.0)", ":in(7,0)", ">=0", ">=-0.0", "<=0", "<=-0.0", "!=0", "!=-0.0", "<0", ">-0.0", "~-0", "~-0.0"} {
			f, err := ParseFilter("properties.n" + condition)
			require.NoError(t, err)
			q := TopEvents{Scope{zone, []Filter{f}}, Range{calendar.Date(20301), calendar.Date(20301)}, 10, false}
			fromColumn, err := q.Rows(t.Context(), w.source(t, 1, time.Time{}))
			require.NoError(t, err)
			fromJSON, err := q.Rows(t.Context(), w.source(t, 2, time.Time{}))
			require.NoError(t, err)
			require.Equal(t, fromJSON, fromColumn, "%s%s", zero, condition)
		}
	}
}
