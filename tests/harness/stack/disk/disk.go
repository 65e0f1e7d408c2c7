// Package disk makes small file systems that can be filled up. It needs root on
// Linux.
package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Disk is a mounted file system.
type Disk struct {
	Dir   string
	image string // file behind it; empty for none
}

// ErrUnable is returned where nothing can be mounted: without root, or in a container
// without the privilege.
var ErrUnable = errors.New("file systems cannot be mounted here")

// Tmpfs mounts a file system in memory at dir, which it creates.
func Tmpfs(dir string, bytes int64) (*Disk, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making a disk: %w", err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=755", bytes)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnable, err)
	}
	return &Disk{Dir: dir}, nil
}

// Loop mounts an ext4 file system in the file <dir>.img at dir, which it creates.
func Loop(ctx context.Context, dir string, bytes int64) (*Disk, error) {
	d := &Disk{Dir: dir, image: dir + ".img"}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making a disk: %w", err)
	}
	f, err := os.Create(d.image)
	if err == nil {
		err = errors.Join(f.Truncate(bytes), f.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("making a disk: %w", err)
	}
	for _, command := range [][]string{
		{"/sbin/mkfs.ext4", "-q", "-m", "0", d.image}, // no blocks for root alone
		{"mount", "-o", "loop", d.image, dir},
	} {
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, errors.Join(fmt.Errorf("%w: %s: %w: %s", ErrUnable, command[0], err, out), os.Remove(d.image))
		}
	}
	return d, nil
}

func (d *Disk) filler() string { return filepath.Join(d.Dir, "filler") }

// Fill takes all the space that is left.
func (d *Disk) Fill() (err error) {
	f, err := os.OpenFile(d.filler(), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("filling a disk: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	at := int64(0)
	for _, step := range []int64{16 << 20, 1 << 20, 64 << 10, 4 << 10} {
		for {
			err := unix.Fallocate(int(f.Fd()), 0, at, step)
			if errors.Is(err, unix.ENOSPC) {
				break
			}
			if err != nil && !errors.Is(err, unix.EINTR) {
				return fmt.Errorf("filling a disk: %w", err)
			}
			if err == nil {
				at += step
			}
		}
	}
	return nil
}

// Free gives back what Fill took. It truncates the file, because a removed file
// keeps its blocks while any process has it open, and a child that another goroutine
// forked during Fill does until it executes its program.
func (d *Disk) Free() error {
	err := os.Truncate(d.filler(), 0)
	if err == nil {
		err = os.Remove(d.filler())
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("freeing a disk: %w", err)
	}
	return nil
}

// Unmount removes the file system. The contents of a Tmpfs are lost.
func (d *Disk) Unmount() error {
	if err := syscall.Unmount(d.Dir, syscall.MNT_DETACH); err != nil {
		return fmt.Errorf("unmounting a disk: %w", err)
	}
	if d.image != "" {
		return os.Remove(d.image)
	}
	return nil
}
