package private

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// endWithUs makes the kernel signal the child when its parent ends, and lets it
// keep the account's capabilities.
func endWithUs(attr *syscall.SysProcAttr, a account, signal syscall.Signal) {
	attr.Pdeathsig = signal
	attr.AmbientCaps = a.caps
}

// searchCapability returns the least capability of this process that allows it to
// traverse closed folders, nil if it has none.
func searchCapability() []uintptr {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData // capabilities 0–31 and 32–63
	if err := unix.Capget(&header, &have[0]); err != nil {
		return nil
	}
	for _, c := range []uintptr{unix.CAP_DAC_READ_SEARCH, unix.CAP_DAC_OVERRIDE} {
		if have[0].Permitted&(1<<c) != 0 {
			return []uintptr{c}
		}
	}
	return nil
}

// serversOn lists the Postgres processes that work in the data folder: all of
// them, a server and its children, have it as their working folder.
func serversOn(data string, _ int) []int {
	data, err := filepath.EvalSymlinks(data)
	if err != nil {
		return nil // no data, no servers
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		cwd, err := os.Readlink("/proc/" + e.Name() + "/cwd")
		if err != nil || cwd != data {
			continue
		}
		// A shell may also have it as its working folder.
		if exe, err := os.Readlink("/proc/" + e.Name() + "/exe"); err == nil && isPostgres(exe) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// isPostgres recognises a server by its program; after a package upgrade the name
// of one still running ends in "(deleted)".
func isPostgres(exe string) bool {
	switch filepath.Base(exe) {
	case "postgres", "postgres (deleted)", "postmaster":
		return true
	}
	return false
}
