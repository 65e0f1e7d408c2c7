package links

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/identity"
	"eventanalytics/pkg/platform/postgres/pgtest"
)

// world is a log with a worker that applies it.
type world struct {
	*testing.T
	pool *pgxpool.Pool
	keys map[string]uint32 // by project and id
}

func newWorld(t *testing.T) *world { return &world{t, pgtest.New(t), map[string]uint32{}} }

func (w *world) keysOf(_ context.Context, project int64, ids []string) ([]uint32, error) {
	keys := make([]uint32, len(ids))
	for i, id := range ids {
		name := fmt.Sprint(project, " ", id)
		if _, known := w.keys[name]; !known {
			w.keys[name] = uint32(len(w.keys))
		}
		keys[i] = w.keys[name]
	}
	return keys, nil
}

func claim(project int64, kind identity.Kind, from, to string) Claim {
	return Claim{Claim: identity.Claim{Kind: kind, From: from, To: to, MadeBy: "api"}, Project: project}
}

// add appends claims in a transaction of their own.
func (w *world) add(claims ...Claim) {
	w.Helper()
	require.NoError(w, pgx.BeginFunc(w.Context(), w.pool, func(tx pgx.Tx) error { return Append(w.Context(), tx, claims) }))
}

// apply applies what is pending, most claims at a time.
func (w *world) apply(most int) (all Applied) {
	w.Helper()
	for more := true; more; {
		var claims []Logged
		var err error
		claims, more, err = Pending(w.Context(), w.pool, 1<<40, most)
		require.NoError(w, err)
		batch, err := NewBatch(w.Context(), claims, w.keysOf)
		require.NoError(w, err)
		require.NoError(w, pgx.BeginFunc(w.Context(), w.pool, func(tx pgx.Tx) error {
			some, err := batch.Apply(w.Context(), tx, 1)
			all.Linked, all.Unlinked, all.Refused = all.Linked+some.Linked, all.Unlinked+some.Unlinked, all.Refused+some.Refused
			return err
		}))
	}
	return all
}

func (w *world) position(project int64) Position {
	w.Helper()
	all, err := Positions(w.Context(), w.pool)
	require.NoError(w, err)
	return all[project]
}

// roots are the persons of a project's ids that have another.
func (w *world) roots(project int64, a *Active) map[string]string {
	w.Helper()
	names := map[uint32]string{}
	for name, key := range w.keys {
		var of int64
		var id string
		_, err := fmt.Sscan(name, &of, &id)
		require.NoError(w, err)
		if of == project {
			names[key] = id
		}
	}
	roots := map[string]string{}
	for from, root := range a.Roots() {
		roots[names[from]] = names[root]
	}
	return roots
}

func rootsOf(f *identity.Forest) map[string]string {
	roots := map[string]string{}
	for root, ids := range f.Persons() {
		for _, id := range ids[1:] {
			roots[id] = root
		}
	}
	return roots
}

// What the tables have is what the rules say, whatever is claimed, in whatever portions it
// is applied and read, and after a rebuild.
func TestAgreesWithTheRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rnd := rand.New(rand.NewPCG(3, 4))
	forests := map[int64]*identity.Forest{1: identity.NewForest(nil), 2: identity.NewForest(nil)}
	known := map[int64]*Active{}
	type moment struct {
		at    Position
		roots map[string]string
	}
	moments := map[int64][]moment{}
	for range 40 {
		var claims []Claim
		for range 1 + rnd.IntN(8) {
			kind := []identity.Kind{identity.Known, identity.Link, identity.Link, identity.Merge, identity.Unlink}[rnd.IntN(5)]
			project := int64(1 + rnd.IntN(2))
			f := forests[project]
			id := func() string { return fmt.Sprint("u", rnd.IntN(15)) }
			c := claim(project, kind, id(), id())
			if kind == identity.Unlink && rnd.IntN(3) > 0 {
				c.To = f.Get(c.From).To
			}
			claims = append(claims, c)
			f.Apply(c.Claim)
		}
		w.add(claims...)
		if rnd.IntN(3) == 0 {
			continue
		}
		w.apply(1 + rnd.IntN(5))
		for project, f := range forests {
			at := w.position(project)
			a, err := Read(t.Context(), w.pool, project, at, nil)
			require.NoError(t, err)
			require.Equal(t, rootsOf(f), w.roots(project, a))
			since, err := Read(t.Context(), w.pool, project, at, known[project])
			require.NoError(t, err)
			require.Equal(t, a.to, since.to)
			known[project] = a
			require.Equal(t, f.Links, a.Len())
			moments[project] = append(moments[project], moment{at, w.roots(project, a)})
		}
	}
	check := func() {
		for project, all := range moments {
			for _, m := range all {
				a, err := ReadAsOf(t.Context(), w.pool, project, m.at)
				require.NoError(t, err)
				require.Equal(t, m.roots, w.roots(project, a), "as of %v", m.at)
			}
		}
	}
	check()
	require.False(t, w.rebuild(), "the same log makes the same links")
	_, err := w.pool.Exec(t.Context(), "UPDATE analytics.identity_links SET to_key = to_key + 1 WHERE to_key IS NOT NULL")
	require.NoError(t, err)
	require.True(t, w.rebuild())
	check()
}

func (w *world) rebuild() (changed bool) {
	w.Helper()
	require.NoError(w, pgx.BeginFunc(w.Context(), w.pool, func(tx pgx.Tx) (err error) {
		changed, err = Rebuild(w.Context(), tx, w.keysOf)
		return err
	}))
	return changed
}

// Claims of a transaction are never parted, and what runs is left alone.
func TestPending(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var three []Claim
	for i := range 3 {
		three = append(three, claim(1, identity.Link, fmt.Sprint("a", i), "ann"))
	}
	w.add(three...)
	w.add(three...)
	claims, more, err := Pending(t.Context(), w.pool, 1<<40, 2)
	require.NoError(t, err)
	require.True(t, more)
	require.Len(t, claims, 3)
	require.True(t, slices.IsSortedFunc(claims, func(a, b Logged) int { return int(a.Seq - b.Seq) }))
	claims, more, err = Pending(t.Context(), w.pool, claims[0].XID, 2)
	require.NoError(t, err)
	require.False(t, more)
	require.Empty(t, claims)
}

func TestList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(claim(1, identity.Link, "a", "ann"), claim(1, identity.Link, "b", "ben"), claim(1, identity.Link, "null", "ben"), claim(1, identity.Link, "null", "ben"),
		claim(2, identity.Link, "a", "other"))
	require.Equal(t, Applied{Linked: 3, Refused: 2}, w.apply(10))
	list := func(which Which) []Shown {
		which.Most = 10
		all, err := List(t.Context(), w.pool, 1, which)
		require.NoError(t, err)
		return all
	}
	all := list(Which{})
	require.Len(t, all, 2)
	require.Equal(t, "b", all[0].From, "the newest comes first")
	require.Equal(t, all[1:], list(Which{Before: all[0].ID}))
	require.Equal(t, all[1:], list(Which{Of: "ann"}))
	refused := list(Which{Refused: true})
	require.Len(t, refused, 1, "the same refusal twice is one")
	require.Equal(t, identity.Junk, refused[0].Refused)

	from, to, err := Find(t.Context(), w.pool, 1, all[0].ID)
	require.NoError(t, err)
	require.Equal(t, []string{"b", "ben"}, []string{from, to})
	_, _, err = Find(t.Context(), w.pool, 2, all[0].ID)
	require.ErrorIs(t, err, ErrNoLink, "it is another project's")
	w.add(claim(1, identity.Unlink, "b", "ben"))
	require.Equal(t, Applied{Unlinked: 1}, w.apply(10))
	require.True(t, list(Which{})[0].TakenBack)
	_, _, err = Find(t.Context(), w.pool, 1, all[0].ID)
	require.ErrorIs(t, err, ErrNoLink)
}

// Each change joins or parts the persons that there were just before it.
func TestChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(claim(1, identity.Link, "a", "ann"), claim(1, identity.Link, "b", "ben"))
	w.apply(10)
	since := w.position(1)
	w.add(claim(1, identity.Merge, "ann", "ben"), claim(1, identity.Link, "c", "a"))
	w.add(claim(1, identity.Unlink, "ann", "ben"), claim(1, identity.Merge, "ann", "dan"), claim(2, identity.Link, "x", "y"))
	w.apply(10)
	until := w.position(1)
	read := func(since, until Position, most int) (all []string) {
		changes, err := Changes(t.Context(), w.pool, 1, since, until, most)
		require.NoError(t, err)
		names := map[uint32]string{}
		for name, key := range w.keys {
			names[key] = name[2:]
		}
		for _, c := range changes {
			text := []string{c.From, "to", c.To, "joins"}
			if c.TakenBack {
				text[3] = "parts"
			}
			for _, of := range [][]uint32{c.Of, c.With} {
				var ids []string
				for _, key := range of {
					ids = append(ids, names[key])
				}
				slices.Sort(ids)
				text = append(text, fmt.Sprint(ids))
			}
			all = append(all, strings.Join(text, " "))
		}
		return all
	}
	want := []string{
		"ann to ben joins [a ann] [b ben]",
		"c to a joins [c] [a ann b ben]",
		"ann to ben parts [a ann c] [b ben]",
		"ann to dan joins [a ann c] [dan]",
	}
	require.Equal(t, want, read(since, until, 10))
	require.Equal(t, want[:2], read(since, until, 1), "what is at one position comes together")
	require.Empty(t, read(until, until, 10))
	require.Len(t, read(Position{}, since, 10), 2)
}
