//go:build !linux

package private

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// endWithUs does nothing here: the next Start stops a server that outlives us.
func endWithUs(*syscall.SysProcAttr, account, syscall.Signal) {}

func searchCapability() []uintptr { return nil }

// serversOn returns the server the pid file names, if it is one.
func serversOn(_ string, postmaster int) []int {
	if !alive(postmaster) {
		return nil
	}
	out, err := exec.Command("ps", "-o", "comm=", "-p", strconv.Itoa(postmaster)).Output() //nolint:gosec // a number
	if err != nil || !strings.HasPrefix(filepath.Base(strings.TrimSpace(string(out))), "postgres") {
		return nil
	}
	return []int{postmaster}
}
