package deployments

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/stack"
)

// fakeGo makes a Go that says it has a version, and does the rest with script.
func fakeGo(t *testing.T, version, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "go")
	text := fmt.Sprintf("#!/bin/sh\n[ \"$1\" = version ] && { echo %q; exit; }\n%s\n", version, script)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o755))
	return path
}

func output(t *testing.T, env []string, name string, args ...string) (string, error) {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Debian's Go is named, with what to do about it.
func TestOldGoIsNamed(t *testing.T) {
	t.Parallel()
	for version, said := range map[string]string{
		"go version go1.19.8 linux/amd64":        "is Go 1.19, which is too old",
		"go version go1.9.2 linux/amd64":         "is Go 1.9, which is too old",
		"gccgo (Debian 12.2.0-14) 12.2.0":        "is Go of an unknown version",
		"go version go1.26.0 linux/amd64":        "",
		"go version go1.100.1 linux/amd64":       "",
		"go version go1.27rc1 X:foo linux/amd64": "",
	} {
		fake := fakeGo(t, version, "exit 1")
		out, err := output(t, []string{"PATH=" + filepath.Dir(fake) + ":" + os.Getenv("PATH")}, "make", "go")
		if said == "" {
			require.NoError(t, err, out)
			continue
		}
		require.Error(t, err, version)
		require.Contains(t, out, fake+" "+said)
		require.Contains(t, out, "https://go.dev/dl/")
		require.NotContains(t, out, "invalid go version")
	}
	out, err := output(t, nil, "make", "go", "GO=/nowhere/go")
	require.Error(t, err)
	require.Contains(t, out, "Go was not found")
}

// A build that takes long says so, and how long that may be; others are silent.
func TestALongBuildSaysThatItWorks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fake := fakeGo(t, "", fmt.Sprintf("echo $$ >%[1]s/started; read line <%[1]s/go; exit 3", dir))
	require.NoError(t, exec.Command("mkfifo", dir+"/go").Run())
	root, err := stack.Root()
	require.NoError(t, err)
	log, err := os.Create(filepath.Join(dir, "log"))
	require.NoError(t, err)
	defer log.Close()
	cmd := exec.CommandContext(t.Context(), "deployments/build", "services/standalone", "./cmd/standalone")
	cmd.Dir, cmd.Env, cmd.Stderr = root, append(os.Environ(), "GO="+fake, "BUILD_MOMENT=0.05"), log
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(log.Name())
		return err == nil && string(text) == "building services/standalone: the first time, this takes 2 to 10 minutes; later, seconds\n"
	}, 30*time.Second, 10*time.Millisecond)
	require.NoError(t, os.WriteFile(dir+"/go", []byte("on\n"), 0))
	var ended *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &ended)
	require.Equal(t, 3, ended.ExitCode(), "the build's")

	quick, err := output(t, []string{"GO=" + fakeGo(t, "", "exit 0")}, "deployments/build", "services/standalone", "./cmd/standalone")
	require.NoError(t, err)
	require.Empty(t, quick)
}
