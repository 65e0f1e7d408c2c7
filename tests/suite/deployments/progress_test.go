package deployments

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/stack"
)

// Backup and restore show how far they are while a command writes or reads a file,
// and end with its status.
func TestScriptsShowProgress(t *testing.T) {
	t.Parallel()
	root, err := stack.Root()
	require.NoError(t, err)
	dir := t.TempDir()
	const script = `
. deployments/progress
export PROGRESS_EVERY=0.05
until_shown() { until grep -q "$1" "$DIR/log"; do read -rt 0.05 <> <(:) || true; done; }
writer() { head -c 2000000 /dev/zero; until_shown "$1"; head -c 2000000 /dev/zero; }
write_shown dumping 8000000 "$DIR/dump" writer 'dumping: 2.0 MB of 8.0 MB (25%), .*B/s, 0m..s left'
reader() { head -c 1000000 >/dev/null; until_shown "$1"; cat >/dev/null; return 3; }
status=0
read_shown restoring "$DIR/dump" reader 'restoring: 1.0 MB of 4.0 MB (25%), .*B/s, 0m..s left' || status=$?
[ "$status" = 3 ]
`
	log, err := os.Create(filepath.Join(dir, "log"))
	require.NoError(t, err)
	defer log.Close()
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
	cmd.Dir, cmd.Stderr = root, log
	cmd.Env = append(os.Environ(), "DIR="+dir)
	err = cmd.Run()
	text, readErr := os.ReadFile(log.Name())
	require.NoError(t, readErr)
	require.NoError(t, err, string(text))
	require.NotContains(t, string(text), "\r")
	info, err := os.Stat(filepath.Join(dir, "dump"))
	require.NoError(t, err)
	require.EqualValues(t, 4_000_000, info.Size())
}
