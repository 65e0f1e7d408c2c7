package sandbox

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// confine takes from the process what a statement does not need: files that the service has
// open, memory and time beyond the limits, files that it writes, and the first turn when CPUs
// or memory are short. It must be called on the thread that opens DuckDB: DuckDB's threads have
// what that thread has.
func confine(l limits) error {
	if err := closeInherited(); err != nil {
		return err
	}
	data, err := dataSize()
	if err != nil {
		return err
	}
	for _, limit := range []struct {
		what int
		most uint64
	}{
		{unix.RLIMIT_DATA, data + uint64(l.Memory)}, // what malloc gets, whether DuckDB counts it or not
		{unix.RLIMIT_CPU, uint64(l.CPU)},            // should nobody be there any more to end it
		{unix.RLIMIT_FSIZE, 0},                      // it writes no file
		{unix.RLIMIT_CORE, 0},
	} {
		if err := unix.Setrlimit(limit.what, &unix.Rlimit{Cur: limit.most, Max: limit.most}); err != nil {
			return fmt.Errorf("limiting the process: %w", err)
		}
	}
	// Questions go first, and should the container's memory be short after all, this process
	// is the one that the kernel ends. Not all kernels let it.
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 19)
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	return nil
}

// closeInherited closes the files that were open in the service when it started the process:
// DuckDB opens those that it reads, of whatever project, without FD_CLOEXEC. What the process
// has opened itself has that flag.
func closeInherited() error {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("closing what was inherited: %w", err)
	}
	for _, entry := range open {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil || fd <= 2 {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			_ = unix.Close(fd)
		}
	}
	return nil
}

// dataSize returns the bytes of memory that the process has by now, as RLIMIT_DATA counts
// them: Go's runtime takes some for itself.
func dataSize() (uint64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("reading the size of the process: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		if size, ok := strings.CutPrefix(line, "VmData:"); ok {
			kib, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(size), "kB")), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("reading the size of the process: %w", err)
			}
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("the kernel does not say the size of the process")
}

// Landlock's rights by the version of its interface: golang.org/x/sys has their names.
const (
	filesV1   = 1<<13 - 1 // execute to make_sym
	networkV4 = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
)

// closeFiles has the kernel refuse the thread, and those that it starts, every file but those
// given, which can be read, and every connection. It does nothing where the kernel has no
// Landlock.
func closeFiles(files []string) error {
	version, _, failed := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if failed != 0 {
		return nil
	}
	rules := unix.LandlockRulesetAttr{Handled_access_fs: filesV1}
	if version >= 2 {
		rules.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		rules.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version >= 4 {
		rules.Handled_access_net = networkV4
	}
	set, _, failed := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&rules)), unsafe.Sizeof(rules), 0) //nolint:gosec // system calls take pointers
	if failed != 0 {
		return fmt.Errorf("closing files: %w", failed)
	}
	defer unix.Close(int(set))
	for _, path := range files {
		if err := allow(int(set), path); err != nil {
			return fmt.Errorf("closing files: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("closing files: %w", err)
	}
	if _, _, failed := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, set, 0, 0); failed != 0 {
		return fmt.Errorf("closing files: %w", failed)
	}
	return nil
}

// allow lets a file be read.
func allow(set int, path string) error {
	file, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return err //nolint:wrapcheck // the caller wraps it
	}
	defer unix.Close(file)
	rule := unix.LandlockPathBeneathAttr{Allowed_access: unix.LANDLOCK_ACCESS_FS_READ_FILE, Parent_fd: int32(file)}
	if _, _, failed := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(set), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0); failed != 0 { //nolint:gosec // system calls take pointers
		return failed
	}
	return nil
}
