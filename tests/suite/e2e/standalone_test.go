package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/oracle"
	"eventanalytics/tests/harness/stack"
)

// TestStandaloneKeepsItsData stops the standalone in the two ways there are and
// starts it again on the same data.
func TestStandaloneKeepsItsData(t *testing.T) {
	dir := newDir(t)
	body, err := os.ReadFile("../../harness/sample/events_sample.json")
	require.NoError(t, err)
	table, err := os.Open("../../harness/sample/events_sample.csv")
	require.NoError(t, err)
	defer table.Close()
	events, err := oracle.ReadCSV(table)
	require.NoError(t, err)

	s := startStandalone(t, dir)
	c := newUser(t, s.URL)
	first := c.Upload(t, string(body))
	require.Equal(t, 5000, first.Accepted)

	// Killed right after the 202: the events may still be on their way.
	require.NoError(t, s.Main.Kill())
	require.ErrorContains(t, s.Main.Wait(10*time.Second), "killed")
	s = startStandalone(t, dir)
	c = c.At(s.URL)
	agree(t, c, first.Position, events)
	require.Equal(t, 5000, c.Upload(t, string(body)).Duplicates)

	// Ctrl-C: a clean end, with everything it started.
	children := descendants(t, s.Main.PID())
	require.NotEmpty(t, children, "Postgres is a child")
	require.NoError(t, s.Main.Interrupt())
	require.NoError(t, s.Main.Wait(30*time.Second), s.Main.Log())
	for pid, command := range children {
		require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH, "%d (%s) is left over", pid, command)
	}
	s = startStandalone(t, dir)
	c = c.At(s.URL)
	require.Equal(t, 5000, c.Upload(t, string(body)).Duplicates)
	agree(t, c, first.Position, events)
}

func TestStandaloneNamesAPortThatIsTaken(t *testing.T) {
	ln, err := net.Listen("tcp", ":0")
	require.NoError(t, err)
	defer ln.Close()
	port := ln.Addr().(*net.TCPAddr).Port

	p, err := stack.StandaloneProcess(t.Context(), newDir(t), port)
	require.NoError(t, err)
	require.ErrorContains(t, p.Wait(time.Minute), "exit status 1")
	require.Contains(t, p.Log(), fmt.Sprint(port))
	require.Contains(t, p.Log(), "PORT", "it says what to set")
	require.Empty(t, descendants(t, p.PID()))
}

func startStandalone(t *testing.T, dir string) *stack.Stack {
	t.Helper()
	s, err := stack.Standalone(t.Context(), dir, settings...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	return s
}

// descendants finds the processes below pid: their commands by id. Where there
// is no /proc (macOS) it finds none.
func descendants(t *testing.T, pid int) map[int]string {
	t.Helper()
	found := map[int]string{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	parents, names := map[int]int{}, map[int]string{}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// "pid (command) state parent …"; the command may hold anything.
		id, rest, _ := strings.Cut(string(text), " (")
		end := strings.LastIndex(rest, ") ")
		child, err := strconv.Atoi(id)
		require.NoError(t, err)
		names[child] = rest[:end]
		fields := strings.Fields(rest[end+len(") "):])
		parents[child], err = strconv.Atoi(fields[1])
		require.NoError(t, err)
	}
	for child := range parents {
		for p := parents[child]; p > 1; p = parents[p] {
			if p == pid {
				found[child] = names[child]
				break
			}
		}
	}
	return found
}
