package pgtest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/postgres/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestEachTestHasItsOwnMigratedDatabase(t *testing.T) {
	t.Parallel()
	for range 4 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			var users int
			require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM analytics.users`).Scan(&users))
			require.Zero(t, users)
			_, err := pool.Exec(t.Context(), `CREATE TABLE analytics.mine (a int)`)
			require.NoError(t, err, "the database is shared with another test")
		})
	}
}
