package private

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(runChild(dir))
	}
	goleak.VerifyTestMain(m)
}

// openDir returns a folder that any user may enter.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "private-test-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	s, err := Start(ctx, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	return s
}

func query[T any](t *testing.T, url, sql string) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), sql)
	require.NoError(t, err)
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	require.NoError(t, err)
	return v
}

func execute(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), sql)
	require.NoError(t, err)
}

func TestServerKeepsDataAndSettings(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), "pg")
	s := start(t, Config{Dir: dir, Settings: map[string]string{"max_connections": "37"}})
	for setting, want := range map[string]string{
		"max_connections": "37", "fsync": "on", "full_page_writes": "on", "synchronous_commit": "on",
		"listen_addresses": "", "data_checksums": "on", "server_encoding": "UTF8", "TimeZone": "UTC",
	} {
		require.Equal(t, want, query[string](t, s.URL(), "SHOW "+setting), setting)
	}
	require.Equal(t, Database, query[string](t, s.URL(), "SELECT current_database()"))
	execute(t, s.URL(), "CREATE TABLE public.kept AS SELECT 42 AS answer")

	_, err := Start(t.Context(), Config{Dir: dir})
	require.ErrorIs(t, err, ErrInUse)
	running, err := RunningURL(dir)
	require.NoError(t, err)
	require.Equal(t, s.URL(), running)

	require.NoError(t, s.Stop())
	require.NoError(t, s.Stop(), "a second time")
	<-s.Done()

	s = start(t, Config{Dir: dir})
	require.Equal(t, 42, query[int](t, s.URL(), "SELECT answer FROM public.kept"))
	require.Contains(t, readLog(t, dir), "database system was shut down at", "the first Stop was not a clean one")
	require.NotContains(t, readLog(t, dir), "interrupted")

	require.NoError(t, s.Abandon())
	<-s.Done()
	s = start(t, Config{Dir: dir})
	require.Equal(t, 42, query[int](t, s.URL(), "SELECT answer FROM public.kept"))
	require.Contains(t, readLog(t, dir), "not properly shut down", "Abandon wrote a checkpoint")
}

func readLog(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "server.log"))
	require.NoError(t, err)
	return string(text)
}

func TestOnlyThisUserReachesTheSocket(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), "pg")
	start(t, Config{Dir: dir})
	info, err := os.Stat(filepath.Join(dir, "run"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}

func TestDeepFolderGetsAShortSocket(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), strings.Repeat("deep/", 30), "it's [odd], + \"quoted\" * ü")
	s := start(t, Config{Dir: dir})
	require.Equal(t, 1, query[int](t, s.URL(), "SELECT 1"))
	socket := s.socketDir
	require.NotContains(t, socket, "deep")
	require.NoError(t, s.Stop())
	require.NoDirExists(t, socket)
	s = start(t, Config{Dir: dir})
	require.Equal(t, 1, query[int](t, s.URL(), "SELECT 1"))
}

func TestSocketFolderOfTheCaller(t *testing.T) {
	t.Parallel()
	base := openDir(t)
	socket := filepath.Join(base, `so "c&k"=e + t#`)
	s := start(t, Config{Dir: filepath.Join(base, "pg"), SocketDir: socket})
	require.Equal(t, 1, query[int](t, s.URL(), "SELECT 1"))
	require.FileExists(t, filepath.Join(socket, socketName+".lock"))
}

func TestInterruptedInitdbIsRepeated(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), "pg [1]")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "init-123", "base"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "init-123", "PG_VERSION"), []byte("15\n"), 0o600))

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := Start(ctx, Config{Dir: dir})
	require.ErrorIs(t, err, context.DeadlineExceeded)

	s := start(t, Config{Dir: dir})
	require.Equal(t, 1, query[int](t, s.URL(), "SELECT 1"))
	left, err := filepath.Glob(filepath.Join(globEscape(dir), "init-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestFailedStartSaysWhy(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), "pg")
	_, err := Start(t.Context(), Config{Dir: dir, Settings: map[string]string{"shared_buffers": "a lot"}})
	require.ErrorContains(t, err, `invalid value for parameter "shared_buffers": "a lot"`)
	s := start(t, Config{Dir: dir})
	require.Equal(t, 1, query[int](t, s.URL(), "SELECT 1"))
}

func TestDoneTellsOfAServerThatEnds(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Dir: filepath.Join(openDir(t), "pg")})
	require.NoError(t, s.process.signal(syscall.SIGQUIT))
	select {
	case <-s.Done():
	case <-time.After(30 * time.Second):
		t.Fatal("Done is still open")
	}
}

func TestWithoutBinaries(t *testing.T) {
	t.Setenv("PATH", "/nowhere")
	before := places
	t.Cleanup(func() { places = before })
	places = []string{filepath.Join(t.TempDir(), "*", "bin")}
	_, err := Start(t.Context(), Config{Dir: t.TempDir()})
	require.ErrorIs(t, err, ErrNoBinaries)
	require.ErrorContains(t, err, "apt-get install postgresql")
}

func TestNewestBinariesAreTaken(t *testing.T) {
	t.Setenv("PATH", "/nowhere")
	before := places
	t.Cleanup(func() { places = before })
	dir := t.TempDir()
	places = []string{filepath.Join(dir, "*", "bin")}
	for version, programs := range map[string][]string{"9": {"initdb", "postgres"}, "15": {"initdb", "postgres"}, "17": {"psql"}} {
		bin := filepath.Join(dir, version, "bin")
		require.NoError(t, os.MkdirAll(bin, 0o755))
		for _, name := range programs {
			require.NoError(t, os.WriteFile(filepath.Join(bin, name), nil, 0o755))
		}
	}
	found, err := findBinaries()
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "15", "bin"), found)
}

// childDir is set in the environment of this test binary if it should only run a
// server on that folder.
const childDir = "PRIVATE_TEST_CHILD_DIR"

func runChild(dir string) int {
	s, err := Start(context.Background(), Config{Dir: dir})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(s.URL())
	_, _ = os.Stdin.Read(make([]byte, 1)) // until the test closes it
	if err := s.Stop(); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}
