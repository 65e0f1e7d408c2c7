package private

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// After a kill -9 of everything the last child can still be exiting, no longer
// visible in /proc, when the next server starts.
func TestLingeringChildrenAreWaitedFor(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("finds the processes in /proc")
	}
	dir := filepath.Join(openDir(t), "pg")
	data := filepath.Join(dir, "data")
	c := startChild(t, self(t), dir, nil)

	// Its seventh line has the key and the id of the shared memory.
	content, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	require.NoError(t, err)
	id, err := strconv.Atoi(strings.Fields(strings.Split(string(content), "\n")[6])[1])
	require.NoError(t, err)
	shared, err := unix.SysvShmAttach(id, 0, unix.SHM_RDONLY)
	require.NoError(t, err)

	pid, err := readPID(data)
	require.NoError(t, err)
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGSTOP))
	for _, p := range serversOn(data, pid) {
		require.NoError(t, syscall.Kill(p, syscall.SIGKILL))
	}
	c.kill(t)
	requireGone(t, dir)

	detached := make(chan error, 1)
	go func() {
		deadline := time.Now().Add(20 * time.Second)
		for time.Now().Before(deadline) {
			if log, err := os.ReadFile(filepath.Join(dir, "server.log")); err == nil && strings.Contains(string(log), lingeringMessage) {
				break
			}
			time.Sleep(readyPause)
		}
		detached <- unix.SysvShmDetach(shared)
	}()
	s := start(t, Config{Dir: dir})
	require.NoError(t, <-detached)
	require.Equal(t, 1, query[int](t, s.URL(), "SELECT 1"))
	require.Contains(t, readLog(t, dir), lingeringMessage)
}
