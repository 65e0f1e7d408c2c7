// Package objectstest runs an object store for tests: versitygw, a real server.
package objectstest

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/freeport"
	"eventanalytics/pkg/warehouse"
)

// The credentials of the server.
const (
	AccessKey = "objectstest"
	SecretKey = "objectstest-secret"
)

// Server is a running object store.
type Server struct {
	// URL is its address.
	URL string
	// Dir has a folder for each bucket, with a file for each object.
	Dir string

	args    []string
	command *exec.Cmd
}

// Start runs a server with a bucket until the test ends. make install-test builds it.
func Start(t testing.TB, bucket string) *Server {
	t.Helper()
	program := filepath.Join(root(t), "bin", "versitygw")
	_, err := os.Stat(program)
	require.NoError(t, err, "make install-test builds it")
	port, err := freeport.Take()
	require.NoError(t, err)
	s := &Server{URL: fmt.Sprintf("http://127.0.0.1:%d", port), Dir: t.TempDir()}
	require.NoError(t, os.Mkdir(filepath.Join(s.Dir, bucket), 0o750))
	s.args = []string{program, "--access", AccessKey, "--secret", SecretKey, "--port", fmt.Sprintf("127.0.0.1:%d", port), "--quiet", "posix", s.Dir}
	s.Up(t)
	t.Cleanup(s.Kill)
	return s
}

// Up starts the server that was killed, and waits until it answers.
func (s *Server) Up(t testing.TB) {
	t.Helper()
	s.command = exec.CommandContext(context.WithoutCancel(t.Context()), s.args[0], s.args[1:]...) //nolint:gosec // the program that Start found
	s.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, s.command.Start())
	require.Eventually(t, func() bool {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
		if err != nil {
			return false
		}
		answer, err := http.DefaultClient.Do(r)
		if err == nil {
			_ = answer.Body.Close()
		}
		return err == nil // also to say that it does not know us
	}, 30*time.Second, 10*time.Millisecond)
}

// Kill ends the server.
func (s *Server) Kill() {
	if s.command != nil {
		_ = s.command.Process.Kill()
		_ = s.command.Wait()
		s.command = nil
	}
}

// Config leads to a bucket of the server.
func (s *Server) Config(bucket, prefix string) warehouse.Bucket {
	return warehouse.Bucket{
		Name: bucket, Endpoint: s.URL, Region: "us-east-1", Prefix: prefix, PathStyle: true,
		AccessKey: AccessKey, SecretKey: SecretKey, CacheBytes: 1 << 30,
	}
}

// root is the repository's folder.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
		require.NotEqual(t, dir, filepath.Dir(dir), "no go.work above the working directory")
		dir = filepath.Dir(dir)
	}
}
