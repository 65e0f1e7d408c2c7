package segment

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFilesThatCouldNotBeReadAreLookedAtAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), nil, 0o600))
	files := NewIntegrity(NewFolder(dir))
	var reason error
	looks := 0
	check := func() error {
		return files.check("a", func() error { looks++; return reason })
	}
	reason = fmt.Errorf("%w: %w", ErrQuarantined, &fs.PathError{Op: "open", Path: "a", Err: syscall.EMFILE})
	require.Error(t, check())
	require.Error(t, check())
	require.Equal(t, 2, looks)
	reason = errors.New("its hash differs")
	require.Error(t, check())
	reason = nil
	require.Error(t, check(), "until it changes")
	require.Equal(t, 3, looks)
}

// A file that was whole is looked at again when it is another one, or was written
// to.
func TestFilesThatChangeAreLookedAtAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	require.NoError(t, os.WriteFile(path, []byte("one"), 0o600))
	files := NewIntegrity(NewFolder(dir))
	looks := 0
	check := func() error {
		return files.check("a", func() error {
			looks++
			if text, err := os.ReadFile(path); err != nil || string(text) != "one" {
				return ErrQuarantined
			}
			return nil
		})
	}
	require.NoError(t, check())
	require.NoError(t, check())
	require.Equal(t, 1, looks)

	other := filepath.Join(dir, "b")
	require.NoError(t, os.WriteFile(other, []byte("two"), 0o600))
	require.NoError(t, os.Rename(path, filepath.Join(dir, "saved")))
	require.ErrorIs(t, check(), ErrQuarantined, "it is missing")
	require.NoError(t, os.Rename(other, path))
	require.ErrorIs(t, check(), ErrQuarantined, "it is another")
	require.ErrorIs(t, check(), ErrQuarantined)
	require.Equal(t, 3, looks)
	require.NoError(t, os.Rename(filepath.Join(dir, "saved"), path))
	require.NoError(t, check(), "it came back")
}
