package traitlog

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/traits"
)

// world is a log with a worker that applies it.
type world struct {
	*testing.T
	pool *pgxpool.Pool
}

func newWorld(t *testing.T) *world { return &world{t, pgtest.New(t)} }

// add appends changes in a transaction of their own.
func (w *world) add(entries ...Entry) {
	w.Helper()
	require.NoError(w, pgx.BeginFunc(w.Context(), w.pool, func(tx pgx.Tx) error { return Append(w.Context(), tx, entries) }))
}

// apply applies what is pending, most changes at a time.
func (w *world) apply(most int) (all Applied) {
	w.Helper()
	for more := true; more; {
		var due Due
		var err error
		due, more, err = Pending(w.Context(), w.pool, 1<<40, most)
		require.NoError(w, err)
		require.NoError(w, pgx.BeginFunc(w.Context(), w.pool, func(tx pgx.Tx) error {
			some, err := due.Apply(w.Context(), tx, 1)
			all.Changed, all.Same, all.Dropped = all.Changed+some.Changed, all.Same+some.Same, all.Dropped+some.Dropped
			all.Projects = append(all.Projects, some.Projects...)
			return err
		}))
	}
	return all
}

func (w *world) rebuild() (changed bool) {
	w.Helper()
	require.NoError(w, pgx.BeginFunc(w.Context(), w.pool, func(tx pgx.Tx) (err error) {
		changed, err = Rebuild(w.Context(), tx)
		return err
	}))
	return changed
}

// stored are the values in the table, by project, subject and name.
func (w *world) stored() map[string]string {
	w.Helper()
	rows, err := w.pool.Query(w.Context(), "SELECT concat_ws(' ', project_id, kind, type, id, name), value || ' ' || once FROM analytics.traits")
	require.NoError(w, err)
	all := map[string]string{}
	var key, value string
	_, err = pgx.ForEachRow(rows, []any{&key, &value}, func() error { all[key] = value; return nil })
	require.NoError(w, err)
	return all
}

// What the table has is what the rules say, whatever is changed, in whatever portions it
// is applied, and after a rebuild.
func TestAgreesWithTheRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rnd := rand.New(rand.NewPCG(3, 4))
	does := []traits.Do{traits.Set, traits.SetOnce, traits.Unset, traits.Add, traits.Append, traits.Union, traits.Remove, traits.Clear}
	model := map[subject]*traits.Properties{}
	seq := int64(0)
	for range 60 {
		var entries []Entry
		for range 1 + rnd.IntN(20) {
			of := subject{int64(1 + rnd.IntN(2)), traits.Subject{Kind: traits.User, ID: fmt.Sprint("u", rnd.IntN(4))}}
			if rnd.IntN(3) == 0 {
				of.Subject = traits.Subject{Kind: traits.Group, Type: "company", ID: "acme"}
			}
			if model[of] == nil {
				model[of] = traits.NewProperties(nil)
			}
			var steps []traits.Step
			for range 1 + rnd.IntN(3) {
				s := traits.Step{Do: does[rnd.IntN(len(does))]}
				if s.Do != traits.Clear {
					s.Name, s.Value = string(rune('a'+rnd.IntN(4))), json.RawMessage(fmt.Sprint(rnd.IntN(3)))
				}
				steps = append(steps, s)
				seq++
				model[of].Apply(s, traits.Place{Seq: seq})
			}
			entries = append(entries, Entry{Change: traits.Change{Subject: of.Subject, Steps: steps}, Project: of.project})
		}
		w.add(entries...)
		if rnd.IntN(3) > 0 {
			w.apply(1 + rnd.IntN(30))
		}
	}
	w.apply(1000)
	want := map[string]string{}
	for of, properties := range model {
		for name, p := range properties.All() {
			want[fmt.Sprint(of.project, " ", of.Kind, " ", of.Type, " ", of.ID, " ", name)] = fmt.Sprint(p.Value, " ", p.Once)
		}
	}
	require.Equal(t, want, w.stored())
	require.False(t, w.rebuild(), "the same log makes the same properties")
	_, err := w.pool.Exec(t.Context(), "UPDATE analytics.traits SET value = '9' WHERE name = 'a'")
	require.NoError(t, err)
	require.True(t, w.rebuild())
	require.Equal(t, want, w.stored())
}

func user(id string, steps ...traits.Step) Entry {
	return Entry{Change: traits.Change{Subject: traits.Subject{Kind: traits.User, ID: id}, Steps: steps}, Project: 1}
}

func set(name, value string) traits.Step {
	return traits.Step{Do: traits.Set, Name: name, Value: json.RawMessage(value)}
}

// Changes without an effect leave the log, and no project's answers change by them.
func TestIdleChangesLeaveTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(user("ann", set("plan", `"pro"`)))
	require.Equal(t, Applied{Changed: 1, Projects: []int64{1}}, w.apply(10))
	w.add(user("ann", set("plan", `"pro"`)), user("ann", set("", "1")))
	require.Equal(t, Applied{Same: 2, Dropped: 1}, w.apply(10))
	var n int
	require.NoError(t, w.pool.QueryRow(t.Context(), "SELECT count(*) FROM analytics.trait_changes WHERE incarnation = 1").Scan(&n))
	require.Equal(t, 1, n)
	require.False(t, w.rebuild())
}

// Changes of a transaction are never parted, and what runs is left alone.
func TestPending(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 2 {
		w.add(user("ann", set("a", "1")), user("ann", set("b", "2")), user("ann", set("c", "3")))
	}
	due, more, err := Pending(t.Context(), w.pool, 1<<40, 2)
	require.NoError(t, err)
	require.True(t, more)
	require.Equal(t, due.Last, due.UpTo)
	last, err := LastPending(t.Context(), w.pool)
	require.NoError(t, err)
	require.Greater(t, last, due.Last)
	none, more, err := Pending(t.Context(), w.pool, due.Last, 2)
	require.NoError(t, err)
	require.False(t, more)
	require.False(t, none.Any())
	require.NoError(t, pgx.BeginFunc(t.Context(), w.pool, func(tx pgx.Tx) error {
		applied, err := due.Apply(t.Context(), tx, 1)
		require.Equal(t, 3, applied.Changed)
		return err
	}))
}

// In a restored database, what was not applied comes behind all that was.
func TestRestamp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(user("ann", set("a", "1")))
	w.apply(10)
	w.add(user("ann", set("a", "2")))
	before, err := LastPending(t.Context(), w.pool)
	require.NoError(t, err)
	require.NoError(t, pgx.BeginFunc(t.Context(), w.pool, func(tx pgx.Tx) error { return Restamp(t.Context(), tx) }))
	after, err := LastPending(t.Context(), w.pool)
	require.NoError(t, err)
	require.Greater(t, after, before)
	require.Equal(t, Applied{Changed: 1, Projects: []int64{1}}, w.apply(10))
}
