package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/stack"
)

const asCommand = "SERVICES_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// output of a command, which is read while it is written.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func command(t *testing.T, dir string, port int) (*exec.Cmd, *output) {
	t.Helper()
	cmd, out := exec.CommandContext(t.Context(), os.Args[0]), &output{}
	cmd.Env = append(os.Environ(), asCommand+"=1", "DATA_DIR="+dir, "PORT="+strconv.Itoa(port), "DRAIN_TIMEOUT=1s")
	cmd.Stdout, cmd.Stderr = out, out
	return cmd, out
}

// freePorts returns the first of five ports that are free.
func freePorts(t *testing.T) int {
	t.Helper()
	for range 100 {
		port, err := stack.FreePort()
		require.NoError(t, err)
		if port+len(services) > 65535 {
			continue
		}
		free := true
		for p := port; p <= port+len(services); p++ {
			free = free && checkPort(t.Context(), p) == nil
		}
		if free {
			return port
		}
	}
	t.Fatal("found no five free ports")
	return 0
}

// children are the processes that work in a folder, by program.
func children(dir string) map[string]int {
	found := map[string]int{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		cwd, cwdErr := os.Readlink(filepath.Join("/proc", e.Name(), "cwd"))
		exe, exeErr := os.Readlink(filepath.Join("/proc", e.Name(), "exe"))
		if err == nil && cwdErr == nil && exeErr == nil && (cwd == dir || strings.HasPrefix(cwd, dir+"/")) {
			found[filepath.Base(exe)] = pid
		}
	}
	return found
}

// child is the process of a program that another started, 0 if there is none.
func child(parent int, program string) int {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		text, statErr := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil || statErr != nil {
			continue
		}
		name, rest, _ := strings.Cut(strings.TrimPrefix(string(text), e.Name()+" ("), ") ") // then the state and the parent
		if fields := strings.Fields(rest); name == program && len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			return pid
		}
	}
	return 0
}

func status(url string) int {
	response, err := http.Get(url)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func TestLifeOfTheServices(t *testing.T) {
	// Not t.TempDir: Postgres runs as another user, which must be able to enter.
	dir, err := os.MkdirTemp("", "analytics-services-")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	require.NoError(t, os.Chmod(dir, 0o755))
	require.NoError(t, stack.Build(t.Context(), services...))
	port := freePorts(t)
	url := func(offset int, path string) string { return fmt.Sprintf("http://127.0.0.1:%d%s", port+offset, path) }

	cmd, out := command(t, dir, port)
	require.NoError(t, cmd.Start())
	ready := func() bool { return strings.Contains(out.String(), "Ctrl-C") && status(url(0, "/readyz")) == 200 }
	require.Eventually(t, ready, 3*time.Minute, 20*time.Millisecond, "%s", out)
	for i, name := range services {
		require.Equal(t, 200, status(url(1+i, "/metrics")), name)
		require.Contains(t, out.String(), url(1+i, "/metrics"))
	}

	t.Run("a taken port is found first", func(t *testing.T) {
		for offset, dir := range map[int]string{0: filepath.Join(dir, "other"), -2: filepath.Join(dir, "another")} {
			second, said := command(t, dir, port+offset)
			require.Error(t, second.Run())
			require.Contains(t, said.String(), fmt.Sprintf("port %d is taken", port))
			require.NoDirExists(t, dir, "something was started")
		}
	})

	t.Run("one that fails is started again", func(t *testing.T) {
		for name, program := range map[string]string{"ingest": "ingest", "nginx": "nginx", "redis": "redis-server", "postgres": "postgres"} {
			before := child(cmd.Process.Pid, program)
			require.NotZero(t, before, name)
			require.NoError(t, syscall.Kill(before, syscall.SIGKILL))
			again := func() bool { return ready() && !slices.Contains([]int{0, before}, child(cmd.Process.Pid, program)) }
			require.Eventually(t, again, time.Minute, 20*time.Millisecond, "%s: %s", name, out)
			require.Contains(t, out.String(), name+" ended; starting it again")
		}
	})

	logs, err := filepath.Glob(filepath.Join(dir, "logs", "*", "ingest.log"))
	require.NoError(t, err)
	require.Len(t, logs, 1)

	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	require.Eventually(t, func() bool { return len(children(dir)) == 0 }, time.Minute, 20*time.Millisecond, "%v", children(dir))

	cmd, out = command(t, dir, port)
	require.NoError(t, cmd.Start())
	require.Eventually(t, ready, 3*time.Minute, 20*time.Millisecond, "%s", out)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait(), "%s", out)
	require.Empty(t, children(dir))
	logs, err = filepath.Glob(filepath.Join(dir, "logs", "*", "ingest.log"))
	require.NoError(t, err)
	require.Len(t, logs, 2, "each run has logs of its own")
}

func TestPortIsChecked(t *testing.T) {
	for _, port := range []string{"abc", "0", "65535", "-1"} {
		t.Setenv("PORT", port)
		_, err := gatewayPort()
		require.ErrorContains(t, err, "such as PORT=5066", port)
	}
	t.Setenv("PORT", "")
	port, err := gatewayPort()
	require.NoError(t, err)
	require.Equal(t, 5066, port)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	require.ErrorContains(t, checkPort(t.Context(), ln.Addr().(*net.TCPAddr).Port), "is taken")
}

func TestLogsOfOldRunsAreRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Now()
	for i := range keptRuns + 3 {
		_, err := runFolder(dir, now.Add(time.Duration(i)*time.Second))
		require.NoError(t, err)
	}
	runs, err := os.ReadDir(filepath.Join(dir, "logs"))
	require.NoError(t, err)
	require.Len(t, runs, keptRuns)
}
