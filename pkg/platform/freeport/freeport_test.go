package freeport

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const each = 50 // ports that a process takes

// childFirst is set in the environment of this test binary when it shall only
// take ports from that index on, print them, and keep them until its input is closed.
const childFirst = "FREEPORT_TEST_FIRST"

func TestMain(m *testing.M) {
	if at := os.Getenv(childFirst); at != "" {
		os.Exit(runChild(at))
	}
	os.Exit(m.Run())
}

func runChild(at string) int {
	var err error
	if next, err = strconv.Atoi(at); err != nil {
		fmt.Println(err)
		return 1
	}
	for range each {
		port, err := Take()
		if err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println(port)
	}
	_, _ = os.Stdin.Read(make([]byte, 1))
	return 0
}

func TestProcessesTakeDifferentPorts(t *testing.T) {
	seen := map[string]bool{}
	keep := func(port string) {
		t.Helper()
		require.Regexp(t, `^\d+$`, port)
		require.False(t, seen[port], "port %s was given twice", port)
		seen[port] = true
	}
	for range 2 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childFirst+"="+strconv.Itoa(next))
		in, err := child.StdinPipe()
		require.NoError(t, err)
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		t.Cleanup(func() {
			require.NoError(t, in.Close())
			require.NoError(t, child.Wait())
		})
		lines := bufio.NewReader(out)
		for range each {
			line, err := lines.ReadString('\n')
			require.NoError(t, err)
			keep(strings.TrimSpace(line))
		}
	}
	for range each {
		port, err := Take()
		require.NoError(t, err)
		keep(strconv.Itoa(port))
	}
}

// A child that is being forked has what its parent has open.
func TestPortIsFreeWhileProcessesStart(t *testing.T) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_ = exec.Command("true").Run()
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	for range each {
		port, err := Take()
		require.NoError(t, err)
		ln, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		require.NoError(t, err)
		require.NoError(t, ln.Close())
	}
}

func TestPortsInUseAreLeftOut(t *testing.T) {
	for _, host := range []string{"", "127.0.0.1"} {
		port, err := Take()
		require.NoError(t, err)
		ln, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		require.NoError(t, err)
		next-- // try it again
		other, err := Take()
		require.NoError(t, err)
		require.NotEqual(t, port, other)
		require.NoError(t, ln.Close())
	}
}
