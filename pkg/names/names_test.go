package names

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/platform/postgres/pgtest"
)

func newRegistry(pool *pgxpool.Pool, types, properties int) *Registry {
	return New(Config{EventTypes: types, Properties: properties}, pool, prometheus.NewRegistry())
}

// batchOf has an event for each text: a type, then property names.
func batchOf(texts ...string) *event.Batch {
	b := &event.Batch{}
	for i, text := range texts {
		f := strings.Fields(text)
		e := event.Event{Type: f[0], OccurredAt: int64(i)}
		for n, key := range f[1:] {
			e.Properties += map[bool]string{true: "{", false: ","}[n == 0] + fmt.Sprintf("%q:%d", key, n)
		}
		if e.Properties != "" {
			e.Properties += "}"
		}
		b.Events, b.Indexes = append(b.Events, e), append(b.Indexes, int32(i))
	}
	return b
}

// admit returns which of the events are admitted, and the codes of the others.
func admit(t *testing.T, r *Registry, project int64, atomic bool, texts ...string) (admitted []int, codes []string) {
	t.Helper()
	b := batchOf(texts...)
	require.NoError(t, r.Admit(t.Context(), project, b, atomic))
	require.Equal(t, len(texts), b.Len())
	for _, i := range b.Indexes {
		admitted = append(admitted, int(i))
	}
	for _, v := range b.Invalid {
		codes = append(codes, v.Field+" "+v.Code)
	}
	return admitted, codes
}

// stored returns how many names of a project there are, after checking that its count
// is right.
func stored(t *testing.T, pool *pgxpool.Pool, project int64) (c counts) {
	t.Helper()
	var rows counts
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE kind = 1), count(*) FILTER (WHERE kind = 2)
		FROM analytics.names WHERE project_id = $1`, project).Scan(&rows[EventType], &rows[Property]))
	c, _, err := read(t.Context(), pool, countsSQL, project)
	require.NoError(t, err)
	require.Equal(t, rows, c)
	return c
}

func TestAdmit(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	r := newRegistry(pool, 3, 3)

	all, codes := admit(t, r, 1, false, "a x y", "b x", "a y")
	require.Equal(t, []int{0, 1, 2}, all)
	require.Empty(t, codes)
	require.Equal(t, counts{EventType: 2, Property: 2}, stored(t, pool, 1))
	stale := newRegistry(pool, 3, 3) // a replica that learns of the others' names late
	_, _ = admit(t, stale, 1, false, "a")

	// An event is taken or refused as a whole, in the order of the batch.
	all, codes = admit(t, r, 1, false, "c p q", "c p", "d", "a x", "b q")
	require.Equal(t, []int{1, 3}, all)
	require.Equal(t, []string{"properties too-many-properties", "event_type too-many-event-types", "properties too-many-properties"}, codes)
	require.Equal(t, counts{EventType: 3, Property: 3}, stored(t, pool, 1))

	// What is known goes on, here and in other replicas; other projects have their own.
	for _, r := range []*Registry{r, stale, newRegistry(pool, 3, 3)} {
		all, codes = admit(t, r, 1, false, "a x y p", "e", "c")
		require.Equal(t, []int{0, 2}, all)
		require.Equal(t, []string{"event_type too-many-event-types"}, codes)
		all, _ = admit(t, r, 2, false, "e f g")
		require.Equal(t, []int{0}, all)
	}
	// A property's name may be as long as properties are.
	all, _ = admit(t, r, 2, false, "e "+strings.Repeat("ж", 15_000))
	require.Equal(t, []int{0}, all)
	require.Equal(t, counts{EventType: 1, Property: 3}, stored(t, pool, 2))
}

func TestAtomicAddsAllOrNothing(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	r := newRegistry(pool, 2, 2)
	_, codes := admit(t, r, 1, true, "a x", "b", "c")
	require.Len(t, codes, 1)
	require.Zero(t, stored(t, pool, 1))
	_, codes = admit(t, r, 1, true, "c x", "d")
	require.Empty(t, codes, "a and b took nothing")
	require.Equal(t, counts{EventType: 2, Property: 1}, stored(t, pool, 1))
}

func TestKnownNamesNeedNoDatabase(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	r := newRegistry(pool, 2, 2)
	_, _ = admit(t, r, 1, false, "a x")
	pool.Close()
	all, _ := admit(t, r, 1, false, "a x", "a")
	require.Len(t, all, 2)
	require.Error(t, r.Admit(t.Context(), 1, batchOf("b"), false))
	require.Error(t, r.Admit(t.Context(), 2, batchOf("a"), false), "another project")
}

// Many requests at several replicas, with names that overlap, in any order: never one
// name too many, none of a refused event, and no deadlock.
func TestBoundsAreExact(t *testing.T) {
	t.Parallel()
	const replicas, callers, rounds, types, properties = 3, 4, 25, 40, 60
	pool := pgtest.New(t)
	var mu sync.Mutex
	admitted := [kinds]map[string]bool{EventType: {}, Property: {}}
	var g errgroup.Group
	for n := range replicas * callers {
		r := newRegistry(pool, types, properties)
		rng := rand.New(rand.NewPCG(3, uint64(n)))
		g.Go(func() error {
			for range rounds {
				var texts []string
				for range 1 + rng.IntN(6) {
					text := fmt.Sprint("t", rng.IntN(3*types))
					for key := range rng.IntN(4) {
						text += fmt.Sprintf(" p%d", key+4*rng.IntN(properties))
					}
					texts = append(texts, text)
				}
				b := batchOf(texts...)
				atomic := rng.IntN(4) == 0
				if err := r.Admit(t.Context(), 1, b, atomic); err != nil {
					return err
				}
				if atomic && b.Rejected > 0 {
					continue
				}
				mu.Lock()
				for _, e := range b.Events {
					admitted[EventType][e.Type] = true
					for key := range event.Keys(e.Properties) {
						admitted[Property][key] = true
					}
				}
				mu.Unlock()
			}
			return nil
		})
	}
	require.NoError(t, g.Wait())
	require.Equal(t, counts{EventType: types, Property: properties}, stored(t, pool, 1))
	s, err := newRegistry(pool, types, properties).load(t.Context(), 1, nil)
	require.NoError(t, err)
	for kind, texts := range admitted {
		for text := range texts {
			require.True(t, s.has(Kind(kind), hashOf(text)), text)
		}
	}
}

// Requests at one replica add the same names to one set.
func TestNamesAtOnce(t *testing.T) {
	t.Parallel()
	const callers, rounds = 8, 40
	pool := pgtest.New(t)
	r := newRegistry(pool, rounds+1, 1)
	_, _ = admit(t, r, 1, false, "known")
	for i := range rounds {
		var g errgroup.Group
		for range callers {
			g.Go(func() error { return r.Admit(t.Context(), 1, batchOf(fmt.Sprint("t", i)), false) })
		}
		require.NoError(t, g.Wait())
	}
	require.Equal(t, counts{EventType: rounds + 1}, stored(t, pool, 1))
	require.Equal(t, counts{EventType: rounds + 1}, r.cache.get(1).size())
}

// A project that is older than the bounds: all that it has goes on.
func TestProjectsFromBefore(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	_, err := pool.Exec(t.Context(), "INSERT INTO analytics.project_names (project_id, counted) VALUES (1, false)")
	require.NoError(t, err)
	uncounted, err := Uncounted(t.Context(), pool)
	require.NoError(t, err)
	require.Equal(t, []int64{1}, uncounted)

	r := newRegistry(pool, 2, 2)
	all, _ := admit(t, r, 1, false, "a x y z", "b", "c")
	require.Len(t, all, 3, "not bounded yet")
	require.NoError(t, Record(t.Context(), pool, 1, EventType, []string{"c", "d", "d", "e"}))
	require.NoError(t, Record(t.Context(), pool, 1, Property, []string{"x", "w"}))
	require.NoError(t, Record(t.Context(), pool, 1, Property, []string{"x", "w"}), "again")
	require.Equal(t, counts{EventType: 5, Property: 4}, stored(t, pool, 1))
	require.NoError(t, Counted(t.Context(), pool, 1))
	uncounted, err = Uncounted(t.Context(), pool)
	require.NoError(t, err)
	require.Empty(t, uncounted)

	small := newRegistry(pool, 2, 2)
	small.maxSet = 3 // the set is larger than is read into memory
	for _, r := range []*Registry{r, newRegistry(pool, 2, 2), small} {
		all, codes := admit(t, r, 1, false, "d w", "e x y z", "f", "a v")
		require.Equal(t, []int{0, 1}, all)
		require.Equal(t, []string{"event_type too-many-event-types", "properties too-many-properties"}, codes)
	}
	require.Nil(t, small.cache.get(1))
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	c := newCache(10 * (setSize + 10))
	for project := range int64(10) {
		c.put(project, &set{}, 10)
	}
	for range 100 { // the same project takes no second place
		c.put(0, &set{}, 10)
	}
	for project := range int64(10) {
		require.NotNil(t, c.get(project))
	}
	c.put(99, &set{}, 3*10)
	require.Nil(t, c.get(0))
	require.Nil(t, c.get(1))
	require.NotNil(t, c.get(2), "one with more takes the place of those used last")
	require.LessOrEqual(t, c.size, c.max)
	require.Len(t, c.projects, c.order.Len())
}

func BenchmarkAdmitKnown(b *testing.B) {
	pool := pgtest.New(b)
	r := newRegistry(pool, 10_000, 10_000)
	batch := &event.Batch{}
	for i := range 10_000 {
		batch.Events = append(batch.Events, event.Event{
			Type:       fmt.Sprint("type", i%50),
			Properties: `{"country": "de", "price": 12.5, "page": "/a/long/path/of/a/page?with=a&query=string", "tags": ["a", "b"], "plan": "free"}`,
		})
		batch.Indexes = append(batch.Indexes, int32(i))
	}
	require.NoError(b, r.Admit(b.Context(), 1, batch, false))
	for b.Loop() {
		require.NoError(b, r.Admit(b.Context(), 1, batch, false))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(batch.Events)), "ns/event")
}
