//go:build failpoints

package failpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrInjected is the error of a place that was told to fail.
var ErrInjected = errors.New("injected failure")

// folder is where a test arms a place: with a file of its name that says what is
// to happen. Each process has a folder of its own.
var folder = os.Getenv("FAILPOINTS")

// Hit does what the place is armed for, once: "kill" ends the process as SIGKILL
// does, "stop" halts it until it gets SIGCONT, "error" makes Hit return
// ErrInjected. The file is then called <name>.hit.
func Hit(name Name) error {
	path := filepath.Join(folder, string(name))
	action, err := os.ReadFile(path)
	if folder == "" || err != nil {
		return nil //nolint:nilerr // not armed
	}
	if os.Rename(path, path+".hit") != nil {
		return nil // another goroutine was faster
	}
	switch action := strings.TrimSpace(string(action)); action {
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "stop":
		return syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case "error":
		return fmt.Errorf("%w at %s", ErrInjected, name)
	default:
		panic("failpoint " + path + " is armed for " + action)
	}
}
