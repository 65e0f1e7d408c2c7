package stats

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/replica"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/question"
)

// cameFrom returns how many answers of a metric were computed and cached.
func (a *api) cameFrom(name string) (counts string) {
	for _, source := range []string{"computed", "cached", "not_modified"} {
		_, after, _ := strings.Cut(a.metrics(), fmt.Sprintf("analytics_stats_answers_total{metric=%q,source=%q} ", name, source))
		n, _, _ := strings.Cut(after, "\n")
		if n != "" {
			counts += source + " " + n + ", "
		}
	}
	return strings.TrimSuffix(counts, ", ")
}

func TestAnswersAreKept(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	a.publish(t, 1, august()...)
	a.visible(t)
	const path, dau = "/api/stats/dau", "/api/stats/dau?from=2025-08-04&to=2025-08-06"
	first := a.get(t, 1, dau).ok(t)
	require.Equal(t, "computed 1", a.cameFrom("dau"))
	require.Equal(t, first["data"], a.get(t, 1, dau).ok(t)["data"])
	require.Equal(t, first["data"], a.post(t, 1, path, `{"from_date":"2025-08-04","to":"2025-08-06"}`).ok(t)["data"])
	require.Equal(t, "computed 1, cached 2", a.cameFrom("dau"))
	for range 2 {
		require.Equal(t, "date,dau,incomplete\n2025-08-04,2,false\n2025-08-06,1,false\n", string(a.get(t, 1, dau+"&format=csv").body))
	}
	require.Equal(t, "computed 2, cached 3", a.cameFrom("dau"), "each format is computed separately")
	require.Empty(t, a.get(t, 3, dau).ok(t)["data"], "another project's")
	require.Equal(t, "computed 3, cached 3", a.cameFrom("dau"))
	require.Regexp(t, `analytics_stats_cache_answers 3\n`, a.metrics())
	require.Regexp(t, `analytics_stats_cache_bytes [1-9]\d+\n`, a.metrics())

	a.publish(t, 2, august()...)
	a.visible(t)
	later := a.get(t, 1, dau).ok(t)
	require.Equal(t, "computed 3, cached 4", a.cameFrom("dau"), "others' load changes nothing")
	position, err := a.tokens.Decode(1, later["meta"].(map[string]any)["position"].(string))
	require.NoError(t, err)
	require.Equal(t, a.position, position, "the rows are kept, not what is said of them")

	a.publish(t, 1, event.Event{ID: id(77), OccurredAt: at("2025-08-06T00:00:00Z"), UserID: "late", Type: "x"})
	a.visible(t)
	require.Contains(t, string(a.get(t, 1, dau).body), `{"date":"2025-08-06","dau":2,"incomplete":false}`)
	require.Equal(t, "computed 4, cached 4", a.cameFrom("dau"))
}

func TestKeptAnswersGoWithTheClock(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	a.publish(t, 1, august()...)
	a.visible(t)
	const retention = "/api/stats/retention?start_date=2025-08-01&end_date=2025-08-31&windows=52"
	first := a.get(t, 1, retention).ok(t)["data"]
	require.Equal(t, first, a.get(t, 1, retention).ok(t)["data"])
	require.Equal(t, "computed 1, cached 1", a.cameFrom("retention"))
	a.mu.Lock()
	a.clock = a.clock.AddDate(0, 0, 7)
	a.mu.Unlock()
	require.Greater(t, len(a.get(t, 1, retention).ok(t)["data"].([]any)), len(first.([]any)), "another week has begun")
}

func TestCacheControl(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	a.publish(t, 1, august()...)
	a.visible(t)
	const dau = "/api/stats/dau?from=2025-08-04&to=2025-08-06"
	tag := a.get(t, 1, dau, "Cache-Control", "no-store").Header.Get("ETag")
	rows := func() *question.Table {
		kept, _ := a.cache.Get(1, tag)
		return kept.rows
	}
	require.Nil(t, rows(), "no-store")
	a.get(t, 1, dau, "Cache-Control", "max-age=0")
	first := rows()
	require.NotNil(t, first)
	require.Equal(t, "computed 2", a.cameFrom("dau"))
	a.get(t, 1, dau, "Cache-Control", "max-age=0")
	require.Equal(t, "computed 2, cached 1", a.cameFrom("dau"))

	require.Contains(t, string(a.get(t, 1, dau, "Cache-Control", "no-store").body), `"dau":2`)
	require.Equal(t, "computed 3, cached 1", a.cameFrom("dau"))
	require.Same(t, first, rows(), "no-store changes nothing")
	require.Contains(t, string(a.get(t, 1, dau, "Cache-Control", "max-age=0, No-Cache").body), `"dau":2`)
	require.Equal(t, "computed 4, cached 1", a.cameFrom("dau"))
	second := rows()
	require.NotSame(t, first, second, "what was computed afresh is kept")

	require.Equal(t, http.StatusNotModified, a.get(t, 1, dau, "Cache-Control", "no-cache", "If-None-Match", tag).StatusCode)
	require.Equal(t, "computed 4, cached 1, not_modified 1", a.cameFrom("dau"))

	for header, want := range map[string]cachePolicy{
		"": {true, true}, "max-age=0": {true, true}, "no-cache": {false, true}, "max-age=0 ,NO-CACHE": {false, true},
		"no-store": {}, "no-store, no-cache": {}, "no-cache,no-store": {}, "no-cached": {true, true}, "x=no-cache": {true, true},
	} {
		require.Equal(t, want, parseCacheControl(header), header)
	}
}

// nothing has no events.
func (a *api) nothing() *engine.Source {
	return a.source(&replica.Snapshot{Snapshot: &manifest.Snapshot{}}, 1, a.now())
}

func TestWhatIsNotKept(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *Config) { c.Warehouse.PollInterval = 20 * time.Millisecond }).run(t)
	a.publish(t, 1, august()...)
	a.visible(t)
	failing := failingQuestion{errors.New("no")}
	ask := func(q question.Question) error {
		_, err := a.rows(t.Context(), "failing", "tag", cachePolicy{read: true, write: true}, q, a.nothing, 1)
		return err
	}
	for range 2 {
		require.ErrorIs(t, ask(failing), failing.err)
	}
	require.NoError(t, ask(failingQuestion{}))
	require.Equal(t, "computed 1", a.cameFrom("failing"))
	answers, _ := a.cache.Held()
	require.Equal(t, 1, answers)

	// From now on the manifest cannot be read.
	_, err := a.pool.Exec(t.Context(), "ALTER TABLE analytics.sync_state RENAME TO away")
	require.NoError(t, err)
	require.Eventually(t, a.reader.Stale, 10*time.Second, time.Millisecond)
	for range 2 {
		whole := a.get(t, 1, "/api/stats/event-types").ok(t)
		require.Equal(t, true, whole["meta"].(map[string]any)["stale"])
		require.Len(t, whole["data"], 2)
	}
	require.Equal(t, "computed 2", a.cameFrom("event-types"))
}

type failingQuestion struct{ err error }

func (failingQuestion) Columns() []question.Column { return nil }

func (q failingQuestion) Answer(context.Context, *engine.Source) (*question.Table, error) {
	return question.NewTable(context.Background(), nil, 0), q.err
}

func TestNothingIsKeptWithoutMemory(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *Config) { c.CacheBytes = 0 }).run(t)
	a.publish(t, 1, august()...)
	a.visible(t)
	for range 2 {
		require.Len(t, a.get(t, 1, "/api/stats/event-types").ok(t)["data"], 2)
	}
	require.Equal(t, "computed 2", a.cameFrom("event-types"))
	require.ErrorContains(t, (&Config{CacheBytes: -1}).Validate(), "STATS_CACHE_BYTES")
}

func TestCacheIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	table := func(properties ...int) *question.Table {
		rows := question.NewTable(t.Context(), question.LatestEvents{}.Columns(), 0)
		for _, n := range properties {
			require.NoError(t, rows.Add(question.TextOf("12"), question.TextOf(""), question.TextOf("345"), question.TextOf(""), question.JSONOf(strings.Repeat("x", n))))
		}
		return rows
	}
	rows := table(1000, 0)
	require.EqualValues(t, 2*5*16+2*5+1000, rows.Bytes())
	size := keptSize + rows.Bytes()
	c := newCache(5*size + 1)
	has := func(tags ...string) (has []string) {
		for _, tag := range tags {
			if _, ok := c.Get(1, tag); ok {
				has = append(has, tag)
			}
		}
		return has
	}
	for _, tag := range []string{"a", "b", "c", "d", "e"} {
		c.keep(1, tag, computed{rows: rows})
	}
	require.Len(t, has("b", "c", "d", "e", "a"), 5)
	c.keep(1, "f", computed{rows: rows})
	require.Equal(t, []string{"a", "c", "d", "e", "f"}, has("a", "b", "c", "d", "e", "f"), "b was not asked for the longest")
	c.keep(1, "f", computed{rows: table(1000)})
	c.keep(1, "f", computed{rows: rows})
	answers, bytes := c.Held()
	require.Equal(t, 5, answers)
	require.Equal(t, 5*size, bytes)

	c.keep(1, "large", computed{rows: table(int(size) + 1000)})
	require.Empty(t, has("large"), "more than a quarter")
	c.keep(1, "small", computed{rows: table()})
	require.Equal(t, []string{"c", "d", "e", "f", "small"}, has("a", "c", "d", "e", "f", "small"))
	_, bytes = c.Held()
	require.Equal(t, 4*size+keptSize, bytes)
}

// TestCacheIsShared: a project that asks for much pushes out its own answers.
func TestCacheIsShared(t *testing.T) {
	t.Parallel()
	rows := question.NewTable(t.Context(), question.LatestEvents{}.Columns(), 0)
	c := newCache(10 * keptSize)
	for _, tag := range []string{"a", "b", "c"} {
		c.keep(1, tag, computed{rows: rows})
	}
	for i := range 1000 {
		c.keep(2, fmt.Sprint(i), computed{rows: rows})
	}
	for _, tag := range []string{"a", "b", "c"} {
		_, ok := c.Get(1, tag)
		require.True(t, ok, tag)
	}
	for i := range 1000 {
		_, ok := c.Get(2, fmt.Sprint(i))
		require.Equal(t, i >= 993, ok, "it fills what the other leaves: %d", i)
	}
	_, ok := c.Get(1, "999")
	require.False(t, ok)
}

// TestWritingChangesNoRows: answers given at the same time share their rows.
func TestWritingChangesNoRows(t *testing.T) {
	t.Parallel()
	rows := func() *question.Table {
		table := question.NewTable(t.Context(), question.LatestEvents{}.Columns(), 0)
		for _, properties := range []string{`{"x": "<&>" }`, ""} {
			require.NoError(t, table.Add(question.TextOf("1"), question.TextOf(""), question.TextOf(`a"<b`), question.TextOf(""), question.JSONOf(properties)))
		}
		return table
	}
	shared := rows()
	var writers sync.WaitGroup
	for _, f := range formats {
		for range 2 {
			writers.Go(func() {
				if err := f.encode(io.Discard, answer{rows: shared}); err != nil {
					t.Error(err)
				}
			})
		}
	}
	writers.Wait()
	require.Equal(t, rows(), shared)
}
