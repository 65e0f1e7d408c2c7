// Package lockfile reserves a folder for one process.
package lockfile

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ErrTaken is returned by Take while another process, or another Lock of this
// one, holds the file.
var ErrTaken = errors.New("another process holds the lock")

// Lock is a file that is locked.
type Lock struct{ file *os.File }

// Take locks the file at path, creating it if missing, until Close. The system
// releases the lock when the process ends, however it ends; the file stays.
func Take(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return &Lock{f}, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrTaken
	}
	return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), f.Close())
}

// Close releases the lock. It does not rely on closing the file: a child that
// another goroutine has just forked shares the open file, and with it the lock,
// until it executes its program.
func (l *Lock) Close() error {
	err := syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN)
	if err := errors.Join(err, l.file.Close()); err != nil {
		return fmt.Errorf("unlocking: %w", err)
	}
	return nil
}
