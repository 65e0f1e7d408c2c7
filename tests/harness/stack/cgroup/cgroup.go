// Package cgroup bounds the memory of the programs that tests start, as containers
// are bounded. It needs root on Linux.
package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const root = "/sys/fs/cgroup"

// Group is a control group with a limit of memory.
type Group struct {
	dir     string
	version int
}

// ErrUnable is returned where no group can be made: without root, without the memory
// controller, or in a container without the privilege.
var ErrUnable = errors.New("control groups cannot be made here")

// New makes a group whose processes are killed when they need more memory than that
// many bytes together. The name is a prefix of the group's.
func New(name string, memory int64) (*Group, error) {
	parent, version := root, 2
	if _, err := os.Stat(filepath.Join(root, "memory", "memory.limit_in_bytes")); err == nil {
		parent, version = filepath.Join(root, "memory"), 1
	} else if err := os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+memory"), 0o600); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnable, err)
	}
	dir, err := os.MkdirTemp(parent, name+"-")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnable, err)
	}
	g := &Group{dir: dir, version: version}
	limit := g.file("memory.limit_in_bytes", "memory.max")
	if err := os.WriteFile(limit, []byte(strconv.FormatInt(memory, 10)), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrUnable, err), g.Close())
	}
	return g, nil
}

// file is the path of a group's file by its name in either version.
func (g *Group) file(v1, v2 string) string {
	if g.version == 1 {
		return filepath.Join(g.dir, v1)
	}
	return filepath.Join(g.dir, v2)
}

// Command starts the program that is named behind it in the group.
func (g *Group) Command() []string {
	return []string{"sh", "-c", `echo $$ >"` + filepath.Join(g.dir, "cgroup.procs") + `" && exec "$0" "$@"`}
}

// Join moves a process that runs already, and its children, into the group. What
// memory they have stays with the group that they come from.
func (g *Group) Join(pid int) error {
	id := strconv.Itoa(pid)
	if err := os.WriteFile(filepath.Join(g.dir, "cgroup.procs"), []byte(id), 0o600); err != nil {
		return fmt.Errorf("moving process %d into a group: %w", pid, err)
	}
	children, err := os.ReadFile(filepath.Join("/proc", id, "task", id, "children"))
	if err != nil {
		return fmt.Errorf("looking for the children of process %d: %w", pid, err)
	}
	for _, field := range strings.Fields(string(children)) {
		child, err := strconv.Atoi(field)
		if err != nil {
			return fmt.Errorf("looking for the children of process %d: %w", pid, err)
		}
		if err := g.Join(child); err != nil && !errors.Is(err, syscall.ESRCH) && !errors.Is(err, os.ErrNotExist) { // it has ended
			return err
		}
	}
	return nil
}

// Peak is the most memory that the group has had, in bytes; files that the kernel
// keeps in memory count.
func (g *Group) Peak() (int64, error) {
	text, err := os.ReadFile(g.file("memory.max_usage_in_bytes", "memory.peak"))
	if err != nil {
		return 0, fmt.Errorf("reading the peak of a group: %w", err)
	}
	return strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
}

// Kills is how many processes of the group were killed for want of memory.
func (g *Group) Kills() (int, error) {
	text, err := os.ReadFile(g.file("memory.oom_control", "memory.events"))
	if err != nil {
		return 0, fmt.Errorf("reading the kills of a group: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
			return strconv.Atoi(strings.TrimSpace(count))
		}
	}
	return 0, errors.New("reading the kills of a group: they are not counted")
}

// Close removes the group, whose processes must have ended.
func (g *Group) Close() error {
	if err := os.Remove(g.dir); err != nil {
		return fmt.Errorf("removing a group: %w", err)
	}
	return nil
}
