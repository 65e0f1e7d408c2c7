package cgroup_test

import (
	"bufio"
	"errors"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/stack/cgroup"
)

func TestGroup(t *testing.T) {
	g, err := cgroup.New("analytics-test", 64<<20)
	if errors.Is(err, cgroup.ErrUnable) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })

	run := func(script string) error {
		c := append(g.Command(), "sh", "-c", script)
		return exec.CommandContext(t.Context(), c[0], c[1:]...).Run()
	}
	require.NoError(t, run("true"))
	kills, err := g.Kills()
	require.NoError(t, err)
	require.Zero(t, kills)

	require.Error(t, run("exec dd if=/dev/zero of=/dev/null bs=200M count=1")) // a buffer of 200 MiB
	kills, err = g.Kills()
	require.NoError(t, err)
	require.Positive(t, kills)
	peak, err := g.Peak()
	require.NoError(t, err)
	require.InDelta(t, 64<<20, peak, 1<<20)
}

// A process that joins takes its children along, and those that it starts later.
func TestJoin(t *testing.T) {
	g, err := cgroup.New("analytics-test", 64<<20)
	if errors.Is(err, cgroup.ErrUnable) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })

	const allocate = "dd if=/dev/zero of=/dev/null bs=200M count=1 2>/dev/null"
	c := exec.CommandContext(t.Context(), "sh", "-c", "(read go; exec "+allocate+") & echo ready; wait $!; echo $?; "+allocate+"; echo $?")
	c.Stdin, c.Stdout = nil, nil
	in, err := c.StdinPipe()
	require.NoError(t, err)
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	said := bufio.NewScanner(out)
	next := func() string { require.True(t, said.Scan()); return said.Text() }
	require.Equal(t, "ready", next())
	require.NoError(t, g.Join(c.Process.Pid))
	require.NoError(t, in.Close())
	require.Equal(t, "137", next(), "the child was not killed")
	require.Equal(t, "137", next(), "a later child was not killed")
	require.NoError(t, c.Wait())
}
