package stack

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// parentDir is set in the environment of this test binary when it shall only start
// a process with its log in that folder, print the process's id, and be killed.
const parentDir = "STACK_TEST_PARENT_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(parentDir); dir != "" {
		p, err := Start(context.Background(), dir, "sleep", nil, "sleep", "600")
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(p.PID())
		select {}
	}
	os.Exit(m.Run())
}

func TestProcessEndsWithItsParent(t *testing.T) {
	t.Parallel()
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentDir+"="+t.TempDir())
	out, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.NoError(t, parent.Process.Kill())
	require.ErrorContains(t, parent.Wait(), "killed")

	exe := "/proc/" + strings.TrimSpace(line) + "/exe" // a zombie has none either
	require.Eventually(t, func() bool {
		_, err := os.Readlink(exe)
		return err != nil
	}, time.Minute, time.Millisecond)
}
