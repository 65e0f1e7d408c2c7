package lockfile_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/lockfile"
)

func TestOneHolderAtATime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, err := lockfile.Take(path)
	require.NoError(t, err)
	_, err = lockfile.Take(path)
	require.ErrorIs(t, err, lockfile.ErrTaken)
	require.ErrorContains(t, err, path)
	require.NoError(t, first.Close())
	second, err := lockfile.Take(path)
	require.NoError(t, err)
	require.NoError(t, second.Close())
}
