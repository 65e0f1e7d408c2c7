package question_test

import (
	"cmp"
	"context"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/oracle"
	"eventanalytics/pkg/warehouse/persons"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/engine/rollup"
	"eventanalytics/services/stats/question"
)

// linked are a project's links, for the oracle, and the persons that they make of users.
type linked struct {
	links oracle.Links
	*persons.Map
}

// link links some of the users of some projects, one to the other in chains, and to ids
// without any event.
func (w *world) link(g generator, project int64) {
	ids := append([]string{"without events", "nor this one"}, someUsers...)
	of := linked{links: oracle.Links{}}
	for range pick(g, []int{0, 2, 5, 12}) {
		from, to := pick(g, ids), pick(g, ids)
		if _, known := of.links[from]; !known && of.links.Person(to) != from {
			of.links[from] = to
		}
	}
	roots := map[uint32]uint32{}
	for id := range of.links {
		roots[w.keyOf(id)] = w.keyOf(of.links.Person(id))
	}
	of.Map = persons.New(roots)
	w.linked[project] = of
	w.answers["links"] += len(of.links)
}

// ids are those of users in the order of their keys.
func (w *world) ids() []string {
	return slices.SortedFunc(maps.Keys(w.keys), func(a, b string) int { return cmp.Compare(w.keys[a], w.keys[b]) })
}

// people are those of a world, as a service looks them up.
type people struct {
	keys map[string]uint32
	*persons.Map
}

// Person returns the person of an id.
func (p people) Person(ctx context.Context, userID string) (*engine.Person, error) {
	key, ok := p.keys[userID]
	members := p.Members(p.Root(key))
	if !ok || len(members) == 0 {
		return nil, nil
	}
	one := &engine.Person{Keys: append([]uint32{p.Root(key)}, members...)}
	var err error
	one.IDs, err = names{p.keys}.IDs(ctx, 0, one.Keys)
	return one, err
}

// Names returns the ids of roots.
func (p people) Names(context.Context) (map[uint32]string, error) {
	names := map[uint32]string{}
	for id, key := range p.keys {
		if p.IsRoot(key) {
			names[key] = id
		}
	}
	return names, nil
}

// BenchmarkPersons asks about a month of ten million events of a million users, as ids were
// sent and as persons of which 100,000 have a second id: of the roll-up, where nothing of the
// persons is known yet ("first") and after that, and of the events by user and the events
// themselves. EVENTS are how many million there are.
func BenchmarkPersons(b *testing.B) {
	millions, err := strconv.Atoi(cmp.Or(os.Getenv("EVENTS"), "1"))
	require.NoError(b, err)
	const days = 30
	users := 100_000 * millions
	g := seeded(b, 1)
	w := newWorld(b)
	start := time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)
	for range millions {
		events, keys := make([]event.Event, 1_000_000), make([]uint32, 1_000_000)
		for i := range events {
			keys[i] = uint32(g.IntN(users))
			events[i] = event.Event{ID: g.id(), OccurredAt: start.UnixMicro() + g.Int64N(days*24*int64(time.Hour/time.Microsecond)), UserID: strconv.Itoa(int(keys[i])), Type: pick(g, someTypes)}
		}
		s, err := w.builder.Write(b.Context(), 1, events, keys, 1)
		require.NoError(b, err)
		w.segments = append(w.segments, s)
	}
	roots := map[uint32]uint32{}
	for len(roots) < users/10 {
		roots[uint32(g.IntN(users/2))*2+1] = uint32(g.IntN(users/2)) * 2
	}
	sent := w.data(b, 1, start.AddDate(1, 0, 0))
	linked := sent
	linked.snapshot = sent.snapshot.WithPersons(map[int64]*persons.Map{1: persons.New(roots)})
	zone, err := calendar.Load("UTC")
	require.NoError(b, err)
	scope := question.Scope{Timezone: zone}
	d := question.Days{From: calendar.DateOf(start), To: calendar.DateOf(start.AddDate(0, 0, days-1))}
	for _, q := range []struct {
		name string
		question.Question
	}{
		{"dau", question.DAU{Days: d, Scope: scope}},
		{"active", question.ActiveUsers{Days: d, Window: 7, Scope: scope}},
		{"types", question.TopEvents{Days: d, Limit: 10, Include: "users", Scope: scope}},
		{"retention", question.Retention{StartDate: d.From, EndDate: d.To, Granularity: calendar.Week, Windows: 4, Cohort: "first_ever", Scope: scope}},
	} {
		run := func(name string, e func() engine.Engine) {
			ask := func() {
				_, err := q.Answer(b.Context(), engine.NewSource(sent.now, sent.snapshot.CompleteUntil, e()))
				require.NoError(b, err)
			}
			b.Run(q.name+"/"+name, func(b *testing.B) {
				ask() // what is remembered is there, but for a view of its own
				b.ResetTimer()
				for b.Loop() {
					ask()
				}
			})
		}
		run("rollup/sent", sent.rollUp)
		run("rollup/first", func() engine.Engine {
			view := sent.snapshot.RollUp(1).WithPersons(linked.snapshot.Persons(1))
			return rollup.New(w.db, 1, view)
		})
		run("rollup/persons", linked.rollUp)
		for _, d := range []data{sent, linked} { // files are large: they are not opened by the way
			_, err := d.snapshot.OpenWalk(b.Context(), 1)
			require.NoError(b, err)
		}
		run("walk/sent", func() engine.Engine { return sent.walker(false) })
		run("walk/persons", func() engine.Engine { return linked.walker(false) })
		run("raw/sent", sent.raw)
		run("raw/persons", linked.raw)
	}
}
