package stats

import (
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/postgres/pgtest"
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
