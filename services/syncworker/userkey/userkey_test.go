package userkey

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/platform/postgres/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// of makes an event for each user.
func of(users ...string) []event.Event {
	events := make([]event.Event, len(users))
	for i, id := range users {
		events[i].UserID = id
	}
	return events
}

func keysOf(t *testing.T, k *Keys, project int64, users ...string) []uint32 {
	t.Helper()
	keys, err := k.Of(t.Context(), project, of(users...))
	require.NoError(t, err)
	return keys
}

// stored are a project's keys in Postgres, by user.
func stored(t *testing.T, pool *pgxpool.Pool, project int64) map[string]uint32 {
	t.Helper()
	rows, err := pool.Query(t.Context(), "SELECT user_id, user_key FROM analytics.user_keys WHERE project_id = $1", project)
	require.NoError(t, err)
	keys := map[string]uint32{}
	var id string
	var key uint32
	_, err = pgx.ForEachRow(rows, []any{&id, &key}, func() error { keys[id] = key; return nil })
	require.NoError(t, err)
	return keys
}

func exec(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	_, err := pool.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

// requireDense fails unless keys are 0 to len(keys)-1, each once.
func requireDense(t *testing.T, keys map[string]uint32) {
	t.Helper()
	seen := make([]bool, len(keys))
	for id, key := range keys {
		require.Less(t, int(key), len(keys), id)
		require.False(t, seen[key], "two users have %d", key)
		seen[key] = true
	}
}

func TestKeysAreGivenOnceInOrder(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	first := New(pool, 100)
	require.Empty(t, keysOf(t, first, 1))
	require.Equal(t, []uint32{2, 0, 2, 1}, keysOf(t, first, 1, "c", "a", "c", "b"))
	require.Equal(t, []uint32{3, 1, 4}, keysOf(t, first, 1, "B", "b", "bb"))
	require.Equal(t, []uint32{0, 1}, keysOf(t, first, 2, "c", "d"), "another project counts for itself")
	require.Equal(t, []uint32{2, 0, 5}, keysOf(t, New(pool, 100), 1, "c", "a", "new"), "a worker that has just started")
	require.Equal(t, []uint32{5, 6, 3}, keysOf(t, first, 1, "new", "newer", "B"), "another worker was faster")
	requireDense(t, stored(t, pool, 1))
	requireDense(t, stored(t, pool, 2))
}

func TestUserIDsAreExact(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	users := []string{
		"", " ", "a", "A", "a ", "ａ", "á", "a\u0301", `"`, `'`, `\`, `\\`, `\n`, "\n", "\t", "\x01", "\u200b", "NULL", "null", "{}", "{a,b}", `{"a"}`,
		",", "%", "🙂", "👩‍👩‍👧", "𐍈", "\U0010ffff", strings.Repeat("🙂", 200), strings.Repeat("🙂", 199), "42", "042", "'; DROP TABLE analytics.user_keys; --",
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 { // long, and such that Postgres cannot compress them
		id := make([]rune, 200)
		for i := range id {
			id[i] = rune(0x10000 + random.IntN(0x10000))
		}
		users = append(users, string(id))
	}
	keys := keysOf(t, New(pool, 1000), 1, users...)
	sorted := slices.Sorted(slices.Values(users))
	for i, id := range users {
		require.Equal(t, sorted[keys[i]], id)
	}
	require.Equal(t, keys, keysOf(t, New(pool, 1000), 1, users...))
	require.Len(t, stored(t, pool, 1), len(users))
}

// TestWorkersAtOnce: each worker meets users that others are just giving keys
// to, in statements of different sizes.
func TestWorkersAtOnce(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	const workers, rounds, people = 6, 12, 3000
	type given struct {
		id  string
		key uint32
	}
	var all [workers]map[int64][]given
	g, ctx := errgroup.WithContext(t.Context())
	for w := range workers {
		k := New(pool, 500) // forgets most
		random := rand.New(rand.NewPCG(uint64(w), 7))
		all[w] = map[int64][]given{}
		g.Go(func() error {
			for range rounds {
				project := 1 + random.Int64N(2)
				users := make([]string, 1+random.IntN(2000))
				for i := range users {
					users[i] = fmt.Sprint("user-", random.IntN(people))
				}
				keys, err := k.Of(ctx, project, of(users...))
				if err != nil {
					return err
				}
				for i, id := range users {
					all[w][project] = append(all[w][project], given{id, keys[i]})
				}
			}
			return nil
		})
	}
	require.NoError(t, g.Wait())
	for project := range int64(2) {
		keys := stored(t, pool, project+1)
		require.NotEmpty(t, keys)
		requireDense(t, keys)
		for w := range all {
			for _, got := range all[w][project+1] {
				require.Equal(t, keys[got.id], got.key, got.id)
			}
		}
	}
}

// TestManyUsers takes several statements, some of whose users have keys.
func TestManyUsers(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	users := make([]string, 2*maxUsers+7)
	for i := range users {
		users[i] = fmt.Sprintf("user-%06d", i)
	}
	some := []string{users[maxUsers-1], users[maxUsers], users[2*maxUsers]}
	require.Equal(t, []uint32{0, 1, 2}, keysOf(t, New(pool, 10), 1, some...))
	twice := slices.Concat(users, users)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(twice), func(i, j int) { twice[i], twice[j] = twice[j], twice[i] })
	keys := keysOf(t, New(pool, 10), 1, twice...)
	expected := stored(t, pool, 1)
	require.Len(t, expected, len(users))
	requireDense(t, expected)
	for i, id := range twice {
		require.Equal(t, expected[id], keys[i])
	}
	require.Equal(t, uint32(3), expected[users[0]])
	require.Equal(t, uint32(len(users)-1), expected[users[len(users)-1]])
}

// TestFailedTransactionIsForgotten: the keys that a commit refuses go to others.
func TestFailedTransactionIsForgotten(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	k := New(pool, 100)
	require.Equal(t, []uint32{0}, keysOf(t, k, 7, "a"))
	exec(t, pool, `CREATE FUNCTION analytics.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$`)
	exec(t, pool, `CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON analytics.user_keys
		DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION analytics.fail()`)
	_, err := k.Of(t.Context(), 7, of("b", "c", "a"))
	require.ErrorContains(t, err, "project 7")
	require.Len(t, stored(t, pool, 7), 1)
	exec(t, pool, "DROP TRIGGER fail ON analytics.user_keys")
	require.Equal(t, []uint32{1}, keysOf(t, New(pool, 100), 7, "c"))
	require.Equal(t, []uint32{2, 1, 0}, keysOf(t, k, 7, "b", "c", "a"))
}

func TestWaitingForTheCounterIsCancelled(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	k := New(pool, 100)
	require.Equal(t, []uint32{0}, keysOf(t, k, 1, "a"))
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(t.Context())
	_, err = tx.Exec(t.Context(), lockSQL, 1)
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := k.Of(ctx, 1, of("b")); done <- err }()
	require.Eventually(t, func() bool {
		var waiting bool
		err := pool.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')").Scan(&waiting)
		return err == nil && waiting
	}, 10*time.Second, time.Millisecond)
	require.Equal(t, []uint32{0}, keysOf(t, k, 1, "a"), "those with keys wait for nobody")
	require.Equal(t, []uint32{0}, keysOf(t, New(pool, 1), 1, "a"))
	require.Equal(t, []uint32{0}, keysOf(t, k, 2, "a"))
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.NoError(t, tx.Rollback(t.Context()))
	require.Equal(t, []uint32{1}, keysOf(t, k, 1, "b"))
}

func TestKeysEnd(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	k := New(pool, 100)
	exec(t, pool, "INSERT INTO analytics.user_key_counters VALUES (9, $1)", int64(maxKeys-1))
	require.Equal(t, []uint32{maxKeys - 1}, keysOf(t, k, 9, "last"))
	_, err := k.Of(t.Context(), 9, of("one too many"))
	require.ErrorIs(t, err, ErrExhausted)
	require.ErrorContains(t, err, "project 9")
	require.Equal(t, []uint32{maxKeys - 1}, keysOf(t, New(pool, 100), 9, "last"))
}

// TestCachedUsersNeedNoDatabase: the pool is closed, so all must be remembered.
func TestCachedUsersNeedNoDatabase(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	k := New(pool, 100)
	first := keysOf(t, k, 1, "a", "b", "c")
	keysOf(t, k, 2, "a")
	again := New(pool, 100)
	keysOf(t, again, 1, "c", "b", "a")
	pool.Close()
	require.Equal(t, first, keysOf(t, k, 1, "a", "b", "c"))
	require.Equal(t, first, keysOf(t, again, 1, "a", "b", "c"), "looked up, not assigned")
	_, err := k.Of(t.Context(), 2, of("b"))
	require.Error(t, err, "another project's")
}

// TestCacheKeepsNoBatch: a user's id is a part of its batch's text.
func TestCacheKeepsNoBatch(t *testing.T) {
	t.Parallel()
	c := newCache(10)
	id := "batch"[1:4]
	c.add(1, id, 0)
	for cached := range c.young.projects[1] {
		require.Equal(t, id, cached)
		require.NotSame(t, unsafe.StringData(id), unsafe.StringData(cached))
	}
}

func TestCacheIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	const size = 1000
	c := newCache(size)
	for i := range 10 * size {
		c.add(1, fmt.Sprintf("%0800d", i), uint32(i)) // 200 characters of 4 bytes
	}
	bytes := 0
	for _, g := range []generation{c.young, c.old} {
		for id := range g.projects[1] {
			bytes += len(id)
		}
	}
	require.Greater(t, bytes, size*longID/4)
	require.LessOrEqual(t, bytes, size*longID)
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	missed := func(c *cache, project int64, users ...string) []int {
		return c.find(project, of(users...), make([]uint32, len(users)))
	}
	held := func(g generation) (users int) {
		for _, keys := range g.projects {
			users += len(keys) + projectSize
		}
		require.Equal(t, g.size, users)
		return users
	}
	c := newCache(20)
	for i := range 1000 {
		c.add(1, fmt.Sprint(i), uint32(i))
		require.LessOrEqual(t, held(c.young)+held(c.old), 20)
		require.Empty(t, missed(&c, 1, "0"), "what is in use stays")
	}
	require.Empty(t, missed(&c, 1, "999", "998"))
	require.Equal(t, []int{0}, missed(&c, 1, "900"))
	require.NotZero(t, held(c.old))
	for i := range int64(1000) {
		c.add(i, "u", 0)
		require.LessOrEqual(t, held(c.young)+held(c.old), 20+2*projectSize)
	}
	require.Equal(t, []int{0}, missed(&c, 1, "u"))

	smallest := newCache(1)
	smallest.add(1, "a", 1)
	keys := make([]uint32, 2)
	require.Equal(t, []int{1}, smallest.find(1, of("a", "b"), keys))
	require.Equal(t, []uint32{1, 0}, keys)
}
