package fields

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/postgres/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// Ids never change and never mean two columns, whoever asks for which at the same time.
func TestIDsArePermanent(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	var mu sync.Mutex
	known := map[int64]map[string]int32{1: {}, 2: {}}
	var all sync.WaitGroup
	for worker := range uint64(4) {
		all.Go(func() {
			ids, random := New(pool), rand.New(rand.NewPCG(worker, 1))
			for range 50 {
				project, names := 1+random.Int64N(2), []string{}
				for n := range 40 {
					if random.IntN(8) == 0 {
						names = append(names, fmt.Sprintf("text:key %d", n))
					}
				}
				found, err := ids.Of(t.Context(), project, names)
				if !assertNoError(t, err) {
					return
				}
				mu.Lock()
				for _, name := range names {
					if before, ok := known[project][name]; ok && before != found[name] {
						t.Errorf("%s of project %d was %d and is %d", name, project, before, found[name])
					}
					known[project][name] = found[name]
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for project, of := range known {
		stored, err := All(t.Context(), pool, project)
		require.NoError(t, err)
		maps.Copy(of, Fixed())
		require.Equal(t, of, stored)
		columns := map[int32]string{}
		for name, id := range stored {
			require.Empty(t, columns[id], "%s has the id of another", name)
			columns[id] = name
			if _, isFixed := fixed[name]; isFixed {
				require.LessOrEqual(t, id, int32(99))
			} else {
				require.GreaterOrEqual(t, id, int32(100))
			}
		}
	}
}

func assertNoError(t *testing.T, err error) bool {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
	return err == nil
}

func TestFixedColumnsAreAsTheyAlwaysWere(t *testing.T) {
	t.Parallel()
	require.Equal(t, map[string]int32{
		"project_id": 1, "event_id": 2, "occurred_at": 3, "user_id": 4, "user_key": 5, "event_type": 6, "properties": 7,
	}, Fixed())
	ids, err := New(nil).Of(t.Context(), 1, nil)
	require.NoError(t, err)
	require.Equal(t, Fixed(), ids, "Postgres is not asked for these")
}
