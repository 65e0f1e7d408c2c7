package question_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/engine/clickhouse"
)

// TestClickHouse is TestQuestions for one project: what CI has time for. With TEST_CLICKHOUSE
// all tests of questions ask ClickHouse, too.
func TestClickHouse(t *testing.T) {
	g := seeded(t, uint64(time.Now().UnixNano()))
	w := newWorld(t)
	if w.clickHouse == nil {
		t.Skip("there is no ClickHouse: make engine-test starts one")
	}
	s := pick(g, scenes)
	g.kinds = g.someKinds()
	w.scatter(t, g, 1, g.events(s, 300))
	g.near, g.cohorts = s.at(), nil
	g.cohorts = g.someCohorts(w.keys, w.linked[1])
	newComparison(t, g, w, s, 1).all(t)
	t.Log("answers", w.answers)
	// A filter of all questions may be one that ClickHouse leaves to others.
	require.Positive(t, w.answers[clickhouse.Name+" alone"]+w.answers[clickhouse.Name+" of new questions"])
}

// TestClickHouseMemory: a query over its memory is refused as such, and the server asked again.
func TestClickHouseMemory(t *testing.T) {
	w := newWorld(t)
	if w.clickHouse == nil {
		t.Skip("there is no ClickHouse: make engine-test starts one")
	}
	g := generator{Rand: rand.New(rand.NewPCG(1, 1))}
	w.add(t, 1, g.events(scenes[0], 2000))
	d := w.data(t, 1, time.Time{})
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	users := engine.Users{Scope: engine.Scope{Zone: zone}, Range: engine.Range{From: 0, To: 40000}, Window: 7}
	w.clickHouse = clickHouseWith(t, w.dir, w.db.Files(), 1<<10)
	for range 2 {
		_, err = d.engine().Users(t.Context(), users)
		require.ErrorIs(t, err, clickhouse.ErrMemory)
	}
}

// TestClickHouseServes: ClickHouse itself answers what is easily left to DuckDB because of an
// error, or is answered with another number.
func TestClickHouseServes(t *testing.T) {
	w := newWorld(t)
	if w.clickHouse == nil {
		t.Skip("there is no ClickHouse: make engine-test starts one")
	}
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	numbers := []string{"-6.4446276310116125e+168", "1.6973251304982114e+19", "5e-324", "2.2250738585072014e-308", "8.41e21", "0.30000000000000004", "123456789.12345679", "0"}
	g := generator{Rand: rand.New(rand.NewPCG(1, 1))}
	var events []event.Event
	for i, n := range slices.Concat(numbers, numbers, numbers) {
		events = append(events, event.Event{
			ID: g.id(), OccurredAt: int64(i) * 3_600_000_000, UserID: strconv.Itoa(i), Type: "a",
			Properties: `{"n":` + n + `,"a":{"n":` + n + `},"text":"` + pick(g, []string{"inf", "-inf", "nan", "1e400", "7"}) + `","b":{}}`,
		})
	}
	w.add(t, 1, events)
	require.Equal(t, []string{"decimal:n", "text:text"}, w.segments[0].Shredded)
	w.builder.ShredFrom = 1 << 40
	w.add(t, 2, events)
	holds := func(op, key string, values ...string) syntax.Filter {
		f := syntax.Field{Source: syntax.Property, Keys: strings.Split(key, ".")}
		if key == "hour" {
			f = syntax.Field{Source: syntax.Hour}
		}
		return syntax.Filter{Form: syntax.Holds, Condition: syntax.Condition{Field: f, Op: op, Values: values}}
	}
	joined := func(form syntax.Form, of ...syntax.Filter) syntax.Filter { return syntax.Filter{Form: form, Of: of} }
	filters := []syntax.Filter{
		holds("=", "text", "1.5"), holds("=", "text", "inf"), holds("~", "text", "n"),
		// Conditions that share a part, which ClickHouse 26.5 loses when it moves them to where columns are read.
		joined(syntax.Any, holds("=", "hour", "5"), holds(syntax.Exists, "b.c")),
		joined(syntax.All, joined(syntax.Any, holds(syntax.Missing, "b"), holds(syntax.Exists, "a")), joined(syntax.Any, holds("=", "b", "x"), holds(syntax.Missing, "b.b"))),
	}
	for _, n := range numbers {
		for _, op := range []string{"=", "!=", "<", "<=", ">", ">="} {
			filters = append(filters, holds(op, "n", n))
		}
		filters = append(filters, holds("<=", "a.n", n+"1"), holds(">", "a.n", n))
	}
	for project := int64(1); project <= 2; project++ {
		d := w.data(t, project, time.Time{})
		served := 0
		for _, f := range filters {
			q := engine.Counts{Scope: engine.Scope{Zone: zone, Filter: f}, Range: engine.Range{From: 0, To: 3}}
			want, err := d.raw().Counts(t.Context(), q)
			require.NoError(t, err)
			got, err := d.engine().Counts(t.Context(), q)
			if errors.Is(err, engine.ErrUnsupported) && strings.Contains(err.Error(), "not read exactly") {
				continue
			}
			require.NoError(t, err, "%+v", f)
			require.Equal(t, want, got, "%+v", f)
			served++
		}
		require.GreaterOrEqual(t, served, map[int64]int{1: 50, 2: 15}[project], project) // in columns, and in JSON
		values := engine.TopValues{Scope: engine.Scope{Zone: zone}, Range: engine.Range{From: 0, To: 3}, Field: syntax.Field{Source: syntax.Property, Keys: []string{"text"}}, Limit: 9}
		values.Scope.Filter = holds("~", "text", "n")
		want, err := d.raw().TopValues(t.Context(), values)
		require.NoError(t, err)
		got, err := d.engine().TopValues(t.Context(), values)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// TestClickHouseProfile: limits of a user's profile that cut off what is beyond them make no
// answer.
func TestClickHouseProfile(t *testing.T) {
	w := newWorld(t)
	if w.clickHouse == nil {
		t.Skip("there is no ClickHouse: make engine-test starts one")
	}
	set := func(settings string) {
		ask, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, os.Getenv("TEST_CLICKHOUSE"), strings.NewReader("SET "+settings))
		require.NoError(t, err)
		r, err := http.DefaultClient.Do(ask)
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
		require.Equal(t, http.StatusOK, r.StatusCode)
	}
	t.Cleanup(func() { set("max_rows_to_group_by = DEFAULT, group_by_overflow_mode = DEFAULT, limit = DEFAULT") })
	g := generator{Rand: rand.New(rand.NewPCG(1, 1))}
	w.add(t, 1, g.events(scenes[0], 2000))
	d := w.data(t, 1, time.Time{})
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	q := engine.Counts{Scope: engine.Scope{Zone: zone}, Range: engine.Range{From: 0, To: 40000}, Unit: calendar.Day, Group: engine.EventType}
	want, err := d.raw().Counts(t.Context(), q)
	require.NoError(t, err)
	set("limit = 1")
	got, err := d.engine().Counts(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, want, got)
	set("max_rows_to_group_by = 3, group_by_overflow_mode = 'any'")
	_, err = d.engine().Counts(t.Context(), q)
	require.ErrorIs(t, err, engine.ErrUnsupported)
}

// clickHouseOf asks the ClickHouse that TEST_CLICKHOUSE names, which reads the files of a
// folder; nil without one. make engine-test starts one.
func clickHouseOf(t testing.TB, dir string, files *segment.Integrity) *clickhouse.Server {
	return clickHouseWith(t, dir, files, 4<<30)
}

func clickHouseWith(t testing.TB, dir string, files *segment.Integrity, memory int64) *clickhouse.Server {
	address, ok := strings.CutPrefix(os.Getenv("TEST_CLICKHOUSE"), "http://")
	if !ok {
		return nil
	}
	cfg := clickhouse.Config{URL: "clickhouse://" + address, User: "default", Files: "file:" + dir, FromEvents: 1, MaxQueries: 2, MemoryBytes: memory}
	s, err := clickhouse.Open(cfg, time.Minute, files.Known, clickhouse.NewMetrics(prometheus.NewRegistry()), zaptest.NewLogger(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}
