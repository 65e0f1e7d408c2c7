package compose

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// TestBackup takes a backup while clients post, loses everything, and restores
// it. What was acknowledged before the backup has to be there, once; when
// clients send everything again, all of it is.
func TestBackup(t *testing.T) {
	all := newCallers(t, 4)
	for _, c := range all {
		require.NoError(t, c.post(t.Context(), 1000))
	}
	before := map[*caller][]uuid.UUID{}
	for _, c := range all {
		before[c] = slices.Clone(c.ids)
	}
	l := start(t, all)
	dir := filepath.Join(t.TempDir(), "backup")
	t.Log(must(t, "deployments/backup", dir))
	l.finish(t)
	held, err := sql("SELECT count(*) FROM analytics.sync_state WHERE hold_until > clock_timestamp()")
	require.NoError(t, err, held)
	require.Equal(t, "0", held, "the hold is released")
	require.Contains(t, must(t, "docker", "compose", "exec", "-T", "syncworker", "syncworker", "warehouse", "verify"), "all whole")

	must(t, "docker", "compose", "down")
	must(t, "docker", "volume", "rm", project+"_postgres", project+"_warehouse", project+"_secrets")
	t.Log(must(t, "deployments/restore", dir))
	agree(t)
	for _, c := range all {
		after := c.ids
		c.last = "" // of before the restore: it would be refused
		position, restored, err := c.count(t.Context())
		require.NoError(t, err)
		require.GreaterOrEqual(t, restored, len(before[c]))
		require.LessOrEqual(t, restored, len(after))
		c.last = position
		require.NoError(t, c.postAgain(t.Context()))
		require.NoError(t, c.ask(t.Context()))
	}
	out, err := output("deployments/backup", dir)
	require.Error(t, err, out)
	require.Contains(t, out, "exists", "a backup is not written over")
	require.DirExists(t, dir)
	_, err = os.Stat(filepath.Join(dir, "analytics.dump"))
	require.NoError(t, err)
}
