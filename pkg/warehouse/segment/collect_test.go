package segment

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A leader that does not know that it was replaced must not take its successor's
// fresh file for an orphan, however old it looks.
func TestFilesOfHigherEpochAreNotListed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, MakeFolders(TemporaryFolder(dir)))
	const stale, next = 3, 4
	s, err := NewPublisher(NewFolder(dir)).Publish(t.Context(), Segment{ProjectID: 7, Epoch: next}, Content{
		Events: func(tmp string) error { return os.WriteFile(tmp, []byte("events"), 0o600) },
		RollUp: func() ([]byte, error) { return []byte("roll-up"), nil },
		Users:  func(_, tmp string) error { return os.WriteFile(tmp, []byte("by user"), 0o600) },
	})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "7", "README"), nil, 0o600))
	cutoff := time.Now().Add(-time.Hour)
	found, err := NewFolder(dir).Files(t.Context(), cutoff, next)
	require.NoError(t, err)
	require.Empty(t, found, "they are young")

	old := cutoff.Add(-time.Hour)
	for _, path := range append(Paths(s.Path), "7/README") {
		require.NoError(t, os.Chtimes(filepath.Join(dir, path), old, old))
	}
	found, err = NewFolder(dir).Files(t.Context(), cutoff, stale)
	require.NoError(t, err)
	require.Empty(t, found)
	found, err = NewFolder(dir).Files(t.Context(), cutoff, next)
	require.NoError(t, err)
	require.ElementsMatch(t, Paths(s.Path), found)

	require.NoError(t, NewFolder(dir).Remove(t.Context(), found...))
	require.NoError(t, NewFolder(dir).Remove(t.Context(), found...), "that they are gone is no error")
	require.ErrorIs(t, Verify(dir, s), os.ErrNotExist)
}
