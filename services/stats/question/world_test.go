package question_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/oracle"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/persons"
	"eventanalytics/pkg/warehouse/replica"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/engine/clickhouse"
	"eventanalytics/services/stats/question"
)

// world is a warehouse with events of some projects.
type world struct {
	dir        string
	db         *duckdb.DB
	builder    *duckdb.Builder
	clickHouse *clickhouse.Server // nil where there is none
	events     map[int64][]event.Event
	keys       map[string]uint32 // of users
	linked     map[int64]linked  // by project
	said       map[int64]oracle.Operations
	segments   []segment.Segment
	complete   time.Time
	answers    map[string]int      // compared, by what they came from
	shredded   map[string][]string // keys by kind
	marked     map[bool]int        // rows of buckets compared, by whether they are incomplete
}

func newWorld(t testing.TB) *world { return newWorldOf(t, func(*warehouse.Config) {}) }

func newWorldOf(t testing.TB, change func(*warehouse.Config)) *world {
	cfg := warehouse.Config{
		Dir: t.TempDir(), MemoryLimit: "1GiB", Threads: 1, MaxQueries: 2, QueryTimeout: time.Minute,
	}
	change(&cfg)
	db, err := duckdb.Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	builder, err := duckdb.NewBuilder(cfg, nil)
	require.NoError(t, err)
	builder.ShredFrom = 1
	t.Cleanup(func() { require.NoError(t, builder.Close()) })
	return &world{dir: cfg.Dir, db: db, clickHouse: clickHouseOf(t, db.Files().Folder().Dir(), db.Files()), builder: builder, events: map[int64][]event.Event{}, keys: map[string]uint32{}, linked: map[int64]linked{}, said: map[int64]oracle.Operations{}, answers: map[string]int{}, shredded: map[string][]string{}, marked: map[bool]int{}}
}

func (w *world) keysOf(events []event.Event) []uint32 {
	keys := make([]uint32, len(events))
	for i, e := range events {
		keys[i] = w.keyOf(e.UserID)
	}
	return keys
}

func (w *world) keyOf(userID string) uint32 {
	key, ok := w.keys[userID]
	if !ok {
		key = uint32(len(w.keys))
		w.keys[userID] = key
	}
	return key
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

// scatter writes events in several segments, some of which are merged. Some segments have
// columns of properties, others only JSON, as small ones have. Some of the users of some
// projects are linked.
func (w *world) scatter(t testing.TB, g generator, project int64, events []event.Event) {
	for len(events) > 0 {
		n := 1 + g.IntN(len(events))
		w.builder.ShredFrom = pick(g, []int64{1, 1_000_000})
		w.add(t, project, events[:n])
		events = events[n:]
	}
	for range g.IntN(4) {
		w.builder.ShredFrom = pick(g, []int64{1, 1, 1_000_000})
		w.compact(t, g, project)
	}
	w.link(g, project)
	w.say(g, project)
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

func (w *world) snapshot(t testing.TB, project int64) *replica.Snapshot {
	s := manifest.NewSnapshot(1, outbox.Position{}, w.complete, w.segments, map[int64]int64{project: 1})
	snapshot, err := replica.NewSnapshot(t.Context(), s.WithPersons(map[int64]*persons.Map{project: w.linked[project].Map}), w.db.Files())
	require.NoError(t, err)
	return snapshot
}

// data is what a question is asked about.
type data struct {
	w        *world
	snapshot *replica.Snapshot
	project  int64
	now      time.Time
	cohorts  map[string]engine.Cohort
	kept     *engine.Sets
}

func (w *world) data(t testing.TB, project int64, now time.Time) data {
	return data{w: w, snapshot: w.snapshot(t, project), project: project, now: now, kept: engine.NewSets(1 << 20)}
}

// ask answers a question from the first of some engines that can.
func (d data) ask(ctx context.Context, q question.Question, engines ...engine.Engine) (rows [][]any, from string, err error) {
	src := engine.NewSource(d.now, d.snapshot.CompleteUntil, engines...)
	src.Project, src.Named, src.Kept = d.project, d.cohorts, d.kept
	src.Traits = saying{d.w.keys, d.w.said[d.project]}
	if of := d.w.linked[d.project]; of.Map != nil {
		src.People = people{d.w.keys, of.Map}
	}
	table, err := q.Answer(ctx, src)
	if err != nil {
		return nil, "", err
	}
	return cells(table), src.Name(), nil
}

// rows answers a question from the events, which must work.
func (d data) rows(t testing.TB, q question.Question) [][]any {
	t.Helper()
	rows, _, err := d.ask(t.Context(), q, d.raw())
	require.NoError(t, err, "%T", q)
	return rows
}

// cells are the values of a table.
func cells(table *question.Table) [][]any {
	rows := [][]any{}
	for r := range table.Len() {
		var row []any
		for i, c := range table.Columns {
			if c.Kind != question.JSON && table.Null(i, r) {
				row = append(row, nil)
				continue
			}
			switch c.Kind {
			case question.Integer:
				row = append(row, int(table.Integer(i, r)))
			case question.Number:
				row = append(row, table.Number(i, r))
			case question.Bool:
				row = append(row, table.Bool(i, r))
			default:
				row = append(row, table.Text(i, r))
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// fields are the values of structs, but for those of the names.
func fields[T any](structs []T, without ...string) [][]any {
	rows := [][]any{}
	for _, s := range structs {
		v := reflect.ValueOf(s)
		var row []any
		for f, value := range v.Fields() {
			if !slices.Contains(without, f.Name) {
				row = append(row, value.Interface())
			}
		}
		rows = append(rows, row)
	}
	return rows
}
