package warehouse

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
	files := newIntegrity(dir)
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
