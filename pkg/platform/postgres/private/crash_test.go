package private

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// child is this test binary in another process, running a server.
type child struct {
	cmd   *exec.Cmd
	stdin io.Closer
	url   string
}

func startChild(t *testing.T, program, dir string, attr *syscall.SysProcAttr) *child {
	t.Helper()
	c := &child{cmd: exec.Command(program)}
	c.cmd.Env = append(os.Environ(), childDir+"="+dir)
	c.cmd.Dir = "/"
	c.cmd.SysProcAttr = attr
	c.cmd.Stderr = os.Stderr
	stdin, err := c.cmd.StdinPipe()
	require.NoError(t, err)
	c.stdin = stdin
	stdout, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.cmd.Start())
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill() // if it is still running
		_ = c.cmd.Wait()
	})
	out := bufio.NewReader(stdout)
	line, err := out.ReadString('\n')
	require.NoError(t, err)
	if !strings.HasPrefix(line, "postgres://") {
		rest, _ := io.ReadAll(out)
		t.Fatalf("the child: %s%s", line, rest)
	}
	c.url = strings.TrimSpace(line)
	return c
}

// stop ends the child cleanly; kill ends it like kill -9.
func (c *child) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, c.stdin.Close())
	require.NoError(t, c.cmd.Wait())
}

func (c *child) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, c.cmd.Process.Kill())
	_ = c.cmd.Wait() // "signal: killed"
}

func self(t *testing.T) string {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	return program
}

func requireGone(t *testing.T, dir string) {
	t.Helper()
	pid, err := readPID(filepath.Join(dir, "data"))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		return len(serversOn(filepath.Join(dir, "data"), pid)) == 0
	}, 30*time.Second, 10*time.Millisecond)
}

func TestServerDiesWithItsParent(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux signals a child when its parent ends")
	}
	dir := filepath.Join(openDir(t), "pg")
	c := startChild(t, self(t), dir, nil)
	execute(t, c.url, "CREATE TABLE public.kept AS SELECT 42 AS answer")
	c.kill(t)
	requireGone(t, dir)
	s := start(t, Config{Dir: dir})
	require.Equal(t, 42, query[int](t, s.URL(), "SELECT answer FROM public.kept"))
}

func TestEverythingKilled(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("finds the processes in /proc")
	}
	dir := filepath.Join(openDir(t), "pg")
	c := startChild(t, self(t), dir, nil)
	execute(t, c.url, "CREATE TABLE public.kept AS SELECT 42 AS answer")
	pid, err := readPID(filepath.Join(dir, "data"))
	require.NoError(t, err)
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGSTOP)) // so that it cannot react to their end
	for _, p := range serversOn(filepath.Join(dir, "data"), pid) {
		require.NoError(t, syscall.Kill(p, syscall.SIGKILL))
	}
	c.kill(t)
	requireGone(t, dir)
	require.FileExists(t, filepath.Join(dir, "data", "postmaster.pid"))

	s := start(t, Config{Dir: dir})
	require.Equal(t, 42, query[int](t, s.URL(), "SELECT answer FROM public.kept"))
	require.Contains(t, readLog(t, dir), "automatic recovery in progress")
}

// An orphan is what a kill leaves on systems that do not signal children.
func TestOrphanIsStopped(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), "pg")
	s := start(t, Config{Dir: dir})
	execute(t, s.URL(), "CREATE TABLE public.kept AS SELECT 42 AS answer")
	require.NoError(t, s.Stop())

	cmd := exec.Command(filepath.Join(s.bin, "postgres"), "-D", s.data(), "-c", "listen_addresses=",
		"-c", "unix_socket_directories="+s.socketDir)
	cmd.Dir = "/"
	cmd.SysProcAttr = s.account.attributes()
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	require.Eventually(t, func() bool {
		return s.createDatabase(t.Context()) == nil
	}, 30*time.Second, 10*time.Millisecond)

	s = start(t, Config{Dir: dir})
	require.NoError(t, <-ended, "the orphan was not stopped cleanly")
	require.Equal(t, 42, query[int](t, s.URL(), "SELECT answer FROM public.kept"))
}

// A pid file left by a crash may name a process that has since got that number.
func TestPIDFileOfAnotherProcess(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), "pg")
	s := start(t, Config{Dir: dir})
	require.NoError(t, s.Stop())

	other := exec.Command("sleep", "60")
	other.SysProcAttr = s.account.attributes()
	require.NoError(t, other.Start())
	t.Cleanup(func() {
		_ = other.Process.Kill()
		_ = other.Wait()
	})
	for path, rest := range map[string]string{
		filepath.Join(s.data(), "postmaster.pid"):      s.data() + "\n1700000000\n5432\n" + s.socketDir + "\n\n  5432001         7\nready   \n",
		filepath.Join(s.socketDir, socketName+".lock"): s.data() + "\n1700000000\n5432\n" + s.socketDir + "\n",
	} {
		require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, "%d\n%s", other.Process.Pid, rest), 0o600))
		if s.account.drop {
			require.NoError(t, os.Chown(path, s.account.uid, s.account.gid))
		}
	}
	s = start(t, Config{Dir: dir})
	require.Equal(t, 1, query[int](t, s.URL(), "SELECT 1"))
	require.True(t, alive(other.Process.Pid), "the other process was taken for a server")
}

func TestRootBelowAClosedFolder(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root drops privileges")
	}
	closed := filepath.Join(openDir(t), "closed")
	require.NoError(t, os.Mkdir(closed, 0o700))
	dir := filepath.Join(closed, "pg")
	s := start(t, Config{Dir: dir})
	execute(t, s.URL(), "CREATE TABLE public.kept AS SELECT 42 AS answer")
	if runtime.GOOS == "linux" {
		require.Equal(t, []uintptr{2}, s.account.caps, "CAP_DAC_READ_SEARCH and no more")
	}
	require.NoError(t, s.Stop())

	// The capability must not cost the death signal.
	c := startChild(t, self(t), dir, nil)
	require.Equal(t, 42, query[int](t, c.url, "SELECT answer FROM public.kept"))
	c.kill(t)
	requireGone(t, dir)
}

func TestRootGivesPrivilegesUp(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 || runtime.GOOS != "linux" {
		t.Skip("reads /proc as root")
	}
	s := start(t, Config{Dir: filepath.Join(openDir(t), "pg")})
	require.Empty(t, s.account.caps)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.cmd.Process.Pid))
	require.NoError(t, err)
	id := s.account.uid
	require.Contains(t, string(status), fmt.Sprintf("Uid:\t%d\t%d\t%d\t%d\n", id, id, id, id))
	require.Contains(t, string(status), "CapEff:\t0000000000000000\n")
	require.Contains(t, string(status), "Groups:\t \n")
}

// TestNormalUser runs the server as an unprivileged user, then as root on the same
// data.
func TestNormalUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("the other tests already run as a normal user")
	}
	base := openDir(t)
	// The original is closed to others. cp makes the copy: while a file is open for
	// writing it cannot be executed (ETXTBSY), and what this process has open, a
	// child that a parallel test is forking has too.
	program := filepath.Join(base, "private.test")
	out, err := exec.Command("cp", self(t), program).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, os.Chmod(program, 0o755))
	home := filepath.Join(base, "home")
	require.NoError(t, os.Mkdir(home, 0o700))
	require.NoError(t, os.Chown(home, nobody, nobody))
	dir := filepath.Join(home, "pg")

	user := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	for range 2 {
		c := startChild(t, program, dir, user)
		execute(t, c.url, "CREATE TABLE IF NOT EXISTS public.kept AS SELECT 42 AS answer")
		c.stop(t)
	}
	s := start(t, Config{Dir: dir})
	require.Equal(t, 42, query[int](t, s.URL(), "SELECT answer FROM public.kept"))
	require.Equal(t, nobody, s.account.uid)
}
