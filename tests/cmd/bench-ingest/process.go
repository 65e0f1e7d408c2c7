package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

// cost is what a piece of work took.
type cost struct {
	wall                      time.Duration
	client, service, postgres time.Duration // of CPU
	wal                       int64         // bytes
	checkpoints               int64
}

func (c cost) minus(o cost) cost {
	return cost{
		wall: c.wall - o.wall, client: c.client - o.client, service: c.service - o.service, postgres: c.postgres - o.postgres,
		wal: c.wal - o.wal, checkpoints: c.checkpoints - o.checkpoints,
	}
}

// measure does the work and tells what it took. This process is the client.
func (b *bench) measure(ctx context.Context, work func() error) (cost, error) {
	before, err := b.spent(ctx)
	if err != nil {
		return cost{}, err
	}
	start := time.Now()
	if err := work(); err != nil {
		return cost{}, err
	}
	wall := time.Since(start)
	after, err := b.spent(ctx)
	if err != nil {
		return cost{}, err
	}
	took := after.minus(before)
	took.wall = wall
	return took, nil
}

// Checkpoints are counted in another view since Postgres 17.
const (
	spentSQL   = `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint, checkpoints_timed + checkpoints_req FROM pg_stat_bgwriter`
	spentSQL17 = `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint, num_timed + num_requested FROM pg_stat_checkpointer`
	version17  = 170_000
)

// spent is what was used since the processes began.
func (b *bench) spent(ctx context.Context) (c cost, err error) {
	sql := spentSQL
	if b.version >= version17 {
		sql = spentSQL17
	}
	if err := b.conn.QueryRow(ctx, sql).Scan(&c.wal, &c.checkpoints); err != nil {
		return c, fmt.Errorf("asking Postgres what it did: %w", err)
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return c, fmt.Errorf("reading the client's CPU: %w", err)
	}
	c.client = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	service, err := procfs.NewProc(b.service.PID())
	if err != nil {
		return c, fmt.Errorf("reading the service's CPU: %w", err)
	}
	stat, err := service.Stat()
	if err != nil {
		return c, fmt.Errorf("reading the service's CPU: %w", err)
	}
	c.service = ticks(stat.UTime + stat.STime)
	c.postgres, err = family(b.postgres)
	return c, err
}

// family is the CPU of a process, of its children, and of those that have ended.
func family(pid int) (time.Duration, error) {
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

// ticks of 10 ms, on all systems there are.
func ticks(n uint) time.Duration { return time.Duration(n) * 10 * time.Millisecond }

// postmaster is the process number of the server on a data folder.
func postmaster(data string) (int, error) {
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

// memory returns the service's resident bytes: now, and the most since
// forgetPeak.
func (b *bench) memory() (now, peak uint64, err error) {
	p, err := procfs.NewProc(b.service.PID())
	if err != nil {
		return 0, 0, fmt.Errorf("reading the service's memory: %w", err)
	}
	status, err := p.NewStatus()
	if err != nil {
		return 0, 0, fmt.Errorf("reading the service's memory: %w", err)
	}
	return status.VmRSS, status.VmHWM, nil
}

func (b *bench) forgetPeak() error {
	path := fmt.Sprintf("/proc/%d/clear_refs", b.service.PID())
	if err := os.WriteFile(path, []byte("5"), 0); err != nil {
		return fmt.Errorf("resetting the service's peak of memory: %w", err)
	}
	return nil
}
