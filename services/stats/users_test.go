package stats

import (
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse/persons"
	"eventanalytics/services/stats/engine"
)

// Users are found by key and by id, each in their own project.
func TestUserNames(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	_, err := pool.Exec(t.Context(), `INSERT INTO analytics.user_keys (project_id, user_id, user_key)
		VALUES (1, 'ann', 7), (1, 'b/o"b', 8), (1, '', 9), (2, 'ann', 3), (2, 'eve', 7)`)
	require.NoError(t, err)
	names := userNames{pool}
	key, ok, err := names.Key(t.Context(), 2, "ann")
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, uint32(3), key)
	_, ok, err = names.Key(t.Context(), 1, "eve")
	require.NoError(t, err)
	require.False(t, ok)

	ids, err := names.IDs(t.Context(), 1, []uint32{9, 7, 8})
	require.NoError(t, err)
	require.Equal(t, []string{"", "ann", `b/o"b`}, ids)
	_, err = names.IDs(t.Context(), 1, []uint32{7, 3})
	require.ErrorContains(t, err, "1 of 2 users have no id")

	pool.Close()
	_, _, err = names.Key(t.Context(), 1, "ann")
	require.Error(t, err)
}

// A person of many ids is asked about by all of their keys, and named by the first ids.
func TestPersonsOfManyIDs(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	_, err := pool.Exec(t.Context(), `INSERT INTO analytics.user_keys (project_id, user_id, user_key)
		SELECT 1, 'u' || n, n FROM generate_series(0, 160) AS n`)
	require.NoError(t, err)
	roots := map[uint32]uint32{160: 3}
	for key := range uint32(150) {
		if key != 7 && key != 3 {
			roots[key] = 7
		}
	}
	p := people{userNames{pool}, 1, persons.New(roots)}
	for _, id := range []string{"u7", "u0", "u149"} {
		person, err := p.Person(t.Context(), id)
		require.NoError(t, err)
		require.Len(t, person.Keys, 149)
		require.Len(t, person.IDs, engine.MaxIDs)
		require.Equal(t, []string{"u7", "u0", "u1", "u2", "u4"}, person.IDs[:5])
		require.Equal(t, []uint32{7, 0, 1, 2, 4}, person.Keys[:5])
	}
	for _, id := range []string{"u155", "nobody"} {
		person, err := p.Person(t.Context(), id)
		require.NoError(t, err)
		require.Nil(t, person, id)
	}
	names, err := p.Names(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[uint32]string{7: "u7", 3: "u3"}, names)
}
