// Package lockfile reserves a folder for one process.
package lockfile

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ErrTaken is returned by Take while another process holds the file.
var ErrTaken = errors.New("another process holds the lock")

// Take locks the file at path, creating it if missing, until it is closed. The
// system releases the lock when the process ends, however it ends; the file stays.
func Take(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrTaken
	}
	return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), f.Close())
}
