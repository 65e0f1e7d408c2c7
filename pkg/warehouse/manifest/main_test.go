package manifest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/postgres/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func value[T any](t *testing.T, db outbox.Querier, text string, args ...any) (v T) {
	t.Helper()
	require.NoError(t, db.QueryRow(t.Context(), text, args...).Scan(&v))
	return v
}
