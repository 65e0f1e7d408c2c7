package lockfile

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOneHolderAtATime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Take(path)
	require.NoError(t, err)
	_, err = Take(path)
	require.ErrorIs(t, err, ErrTaken)
	require.ErrorContains(t, err, path)
	require.NoError(t, first.Close())
	second, err := Take(path)
	require.NoError(t, err)
	require.NoError(t, second.Close())
}

// A child shares the open file from its fork until it executes its program, as a
// duplicate does here.
func TestCloseReleasesWhatAForkHolds(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	lock, err := Take(path)
	require.NoError(t, err)
	held, err := syscall.Dup(int(lock.file.Fd()))
	require.NoError(t, err)
	defer func() { require.NoError(t, syscall.Close(held)) }()
	require.NoError(t, lock.Close())
	again, err := Take(path)
	require.NoError(t, err)
	require.NoError(t, again.Close())
}
