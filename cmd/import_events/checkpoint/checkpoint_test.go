package checkpoint_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/cmd/import_events/checkpoint"
)

func TestSaveAndLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "events.csv.checkpoint")
	_, found, err := checkpoint.Load(path)
	require.NoError(t, err)
	require.False(t, found)

	file := filepath.Join(dir, "events.csv")
	require.NoError(t, os.WriteFile(file, []byte("a"), 0o600))
	identity, err := checkpoint.Identify(file)
	require.NoError(t, err)
	s := checkpoint.New(identity, checkpoint.Target{URL: "http://localhost:5066", Username: "demo", Project: 2}, "")
	for range 3 {
		s.Records += 10
		s.RejectBytes += 7
		s.Totals.Accepted += 10
		require.NoError(t, s.Save(path))
		loaded, found, err := checkpoint.Load(path)
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, s, loaded)
		require.NoError(t, loaded.Check(identity, s.Target, ""))
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2, "no temporary files are left")
	require.NotEqual(t, s.Import, checkpoint.New(identity, s.Target, "").Import)

	require.NoError(t, os.WriteFile(path, []byte(`{"version": 2}`), 0o600))
	_, _, err = checkpoint.Load(path)
	require.ErrorContains(t, err, "version 2")
	require.NoError(t, os.WriteFile(path, []byte(`{"vers`), 0o600))
	_, _, err = checkpoint.Load(path)
	require.Error(t, err)
}

func TestCheckRefusesWhatChanged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.csv")
	began := time.Date(2025, 8, 1, 0, 0, 0, 0, time.UTC)
	identify := func(content string, at time.Time) checkpoint.Identity {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		require.NoError(t, os.Chtimes(path, at, at))
		identity, err := checkpoint.Identify(path)
		require.NoError(t, err)
		return identity
	}
	target := checkpoint.Target{URL: "http://localhost:5066", Username: "demo"}
	s := checkpoint.New(identify("one", began), target, "")
	require.NoError(t, s.Check(identify("one", began), target, ""))
	for _, other := range []checkpoint.Identity{identify("two", began), identify("one more", began), identify("one", began.Add(time.Millisecond))} {
		require.ErrorIs(t, s.Check(other, target, ""), checkpoint.ErrChanged)
	}
	for _, other := range []checkpoint.Target{{URL: "http://localhost:5067", Username: "demo"}, {URL: target.URL}, {URL: target.URL, Username: "demo", Project: 2}} {
		require.ErrorIs(t, s.Check(s.File, other, ""), checkpoint.ErrChanged)
	}
	err := s.Check(s.File, target, `--preset "umami"`)
	require.ErrorIs(t, err, checkpoint.ErrChanged)
	mapped := checkpoint.New(s.File, target, `--preset "umami"`)
	require.NoError(t, mapped.Check(s.File, target, `--preset "umami"`))
	require.ErrorContains(t, mapped.Check(s.File, target, ""), "umami")
	_, err = checkpoint.Identify(filepath.Dir(path))
	require.ErrorContains(t, err, "not a regular file")
}
