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

// searchCapability returns the capability to go through closed folders that this
// process has: that and no more where possible, nil when it has none.
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
		// A shell may stand in the folder too.
		if exe, err := os.Readlink("/proc/" + e.Name() + "/exe"); err == nil && isPostgres(exe) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// isPostgres knows a server by its program; an upgraded package leaves "(deleted)"
// behind the name of one that still runs.
func isPostgres(exe string) bool {
	switch filepath.Base(exe) {
	case "postgres", "postgres (deleted)", "postmaster":
		return true
	}
	return false
}
