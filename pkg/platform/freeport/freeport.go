// Package freeport finds TCP ports for the servers that tests start.
package freeport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// The ports are below those that the system gives to outgoing connections and to
// listeners on port 0: from 32768 on Linux, 49152 on macOS. Of these, it may give
// one away before the server listens, or while the server is restarted.
const (
	first = 20000
	count = 12000
)

// Each port is a byte of one file, which the process that took it keeps locked. A
// lock of fcntl, unlike one of flock, is not shared with children.
var (
	mu   sync.Mutex // of what follows
	file *os.File
	next = rand.IntN(count) //nolint:gosec // index of the port to try next; any will do
)

// Take returns a port on which nothing listens on any address. No other call of
// this user returns it until this process ends, or has taken 12,000.
func Take() (int, error) {
	mu.Lock()
	defer mu.Unlock()
	if file == nil {
		path := filepath.Join(os.TempDir(), "eventanalytics-ports-"+strconv.Itoa(os.Getuid()))
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return 0, fmt.Errorf("taking a port: %w", err)
		}
		file = f
	}
	for range count {
		port := first + next%count
		next++
		if free, err := take(port); err != nil {
			return 0, fmt.Errorf("taking port %d: %w", port, err)
		} else if free {
			return port, nil
		}
	}
	return 0, errors.New("taking a port: all are taken")
}

func take(port int) (bool, error) {
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Start: int64(port), Len: 1}
	err := syscall.FcntlFlock(file.Fd(), syscall.F_SETLK, &lock)
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
		return false, nil // another process has it
	}
	if err != nil {
		return false, err
	}
	// A child that was forked in between would listen until it executes its program.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	// On all addresses, to notice a listener on any of them.
	ln, err := net.Listen("tcp", ":"+strconv.Itoa(port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, ln.Close()
}
