package measure

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

// OwnCPU is the time this process has used on all cores.
func OwnCPU() (time.Duration, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, fmt.Errorf("reading the own CPU: %w", err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
}

// CPU is the time a process has used, without its children.
func CPU(pid int) (time.Duration, error) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return 0, fmt.Errorf("reading the CPU of process %d: %w", pid, err)
	}
	stat, err := p.Stat()
	if err != nil {
		return 0, fmt.Errorf("reading the CPU of process %d: %w", pid, err)
	}
	return ticks(stat.UTime + stat.STime), nil
}

// FamilyCPU is the CPU of a process and of its children, including those that have
// ended.
func FamilyCPU(pid int) (time.Duration, error) {
	all, err := procfs.AllProcs()
	if err != nil {
		return 0, fmt.Errorf("listing processes: %w", err)
	}
	var sum time.Duration
	for _, p := range all {
		stat, err := p.Stat()
		if err != nil {
			continue // it has just ended
		}
		switch pid {
		case stat.PID:
			sum += ticks(stat.UTime + stat.STime + uint(stat.CUTime) + uint(stat.CSTime))
		case stat.PPID:
			sum += ticks(stat.UTime + stat.STime)
		}
	}
	return sum, nil
}

// ticks are 10 ms on every Linux.
func ticks(n uint) time.Duration { return time.Duration(n) * 10 * time.Millisecond }

// Postmaster is the process id of the Postgres server on a data folder.
func Postmaster(data string) (int, error) {
	content, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return 0, fmt.Errorf("looking for Postgres: %w", err)
	}
	line, _, _ := bytes.Cut(content, []byte("\n"))
	pid, err := strconv.Atoi(string(line))
	if err != nil {
		return 0, fmt.Errorf("looking for Postgres: %w", err)
	}
	return pid, nil
}

// Memory returns a process's resident bytes: now, and the peak since ForgetPeak.
func Memory(pid int) (now, peak uint64, err error) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return 0, 0, fmt.Errorf("reading the memory of process %d: %w", pid, err)
	}
	status, err := p.NewStatus()
	if err != nil {
		return 0, 0, fmt.Errorf("reading the memory of process %d: %w", pid, err)
	}
	return status.VmRSS, status.VmHWM, nil
}

// ForgetPeak resets the peak of a process's memory.
func ForgetPeak(pid int) error {
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
		return fmt.Errorf("resetting the peak of memory of process %d: %w", pid, err)
	}
	return nil
}
