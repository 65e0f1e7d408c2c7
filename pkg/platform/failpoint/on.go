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

// ErrInjected is the error of a failpoint that is armed to fail.
var ErrInjected = errors.New("injected failure")

// folder is where tests arm a failpoint, with a file of its name that contains the
// action. Each process has its own folder.
var folder = os.Getenv("FAILPOINTS")

// Hit performs the failpoint's action, once: "kill" sends the process SIGKILL,
// "stop" halts it until it gets SIGCONT, "error" makes Hit return ErrInjected. The
// file is then renamed to <name>.hit.
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
