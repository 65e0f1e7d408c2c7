package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"eventanalytics/pkg/platform/failpoint"
	"eventanalytics/tests/harness/stack"
)

// actions of a failpoint. A stopped process continues long after its lease expired.
var actions = []string{"kill", "error", "stop"}

func pointFaults() []fault {
	var all []fault
	for _, point := range failpoint.All() {
		if strings.HasPrefix(string(point), "objects-") && !stack.Objects() {
			continue
		}
		for _, action := range actions {
			all = append(all, fault{name: string(point) + " " + action, strike: func(ctx context.Context, c *cluster, rng *rand.Rand) (bool, error) {
				return c.atPoint(ctx, rng, point, action)
			}})
		}
	}
	return all
}

const (
	hitPatience = 4 * time.Second
	pausedFor   = 1600 * time.Millisecond // the lease is 1 s
)

// atPoint lets one process of the service that has the failpoint do the action
// there.
func (c *cluster) atPoint(ctx context.Context, rng *rand.Rand, point failpoint.Name, action string) (bool, error) {
	s, err := c.hit(ctx, rng, point, action)
	if s == nil || err != nil {
		return false, err
	}
	switch action {
	case "kill":
		return true, awaitEnd(ctx, s)
	case "stop":
		pause(ctx, pausedFor)
		return true, syscall.Kill(s.PID(), syscall.SIGCONT)
	}
	return true, nil
}

// hit provokes a failpoint and returns the first process to reach it, like
// hitAlone.
func (c *cluster) hit(ctx context.Context, rng *rand.Rand, point failpoint.Name, action string) (*service, error) {
	if err := c.provoke(ctx, rng, point); err != nil {
		return nil, err
	}
	return c.hitAlone(ctx, point, action)
}

// hitAlone arms a failpoint in the processes that have it, and returns the first to
// reach it; the others are disarmed. It returns nil when none does. The failpoint
// must be on a path that is taken without provocation.
func (c *cluster) hitAlone(ctx context.Context, point failpoint.Name, action string) (*service, error) {
	candidates := c.having(point)
	for _, s := range candidates {
		if err := arm(s, point, action); err != nil {
			return nil, err
		}
	}
	var first *service
	_ = stack.Poll(ctx, hitPatience, func() error {
		for _, s := range candidates {
			if _, err := os.Stat(filepath.Join(s.failpoints, string(point)+".hit")); err == nil {
				first = s
				return nil
			}
		}
		return fmt.Errorf("nobody came to %s", point)
	})
	for _, s := range candidates {
		if err := disarm(s, string(point)+"*"); err != nil {
			return nil, err
		}
	}
	if first != nil && action == "stop" {
		return first, awaitStop(ctx, first)
	}
	return first, nil
}

// having returns the services that pass a failpoint.
func (c *cluster) having(point failpoint.Name) []*service {
	program := "syncworker-"
	switch {
	case strings.HasPrefix(string(point), "ingest-"):
		program = "ingest-"
	case strings.HasPrefix(string(point), "stats-"):
		program = "stats-"
	}
	return []*service{c.services[program+"1"], c.services[program+"2"]}
}

// provoke brings about the circumstances of a failpoint that is rarely reached.
func (c *cluster) provoke(ctx context.Context, rng *rand.Rand, point failpoint.Name) error {
	switch point {
	case failpoint.WorkerAfterClaim:
		return c.endTerm(ctx)
	case failpoint.PartitionDetached:
		if _, err := c.oldPartition(ctx, rng); err != nil {
			return err
		}
		return c.endTerm(ctx) // a new leader looks for old ones
	case failpoint.CollectBeforeUnlink, failpoint.CollectMidway:
		return c.ageOne(ctx)
	case failpoint.LakeBeforeCommit:
		return c.wantTables(ctx, true)
	}
	return nil
}

// wantTables has all projects published as tables, or none.
func (c *cluster) wantTables(ctx context.Context, wanted bool) error {
	if _, err := c.db.Exec(ctx, "UPDATE analytics.projects SET lake = $1 WHERE lake <> $1", wanted); err != nil {
		return fmt.Errorf("choosing projects that want a table: %w", err)
	}
	return nil
}

const endTermSQL = "UPDATE analytics.sync_state SET epoch = epoch + 1, lease_until = 'epoch'"

// endTerm lets another worker, or the same one, take over.
func (c *cluster) endTerm(ctx context.Context) error {
	if _, err := c.db.Exec(ctx, endTermSQL); err != nil {
		return fmt.Errorf("ending the leader's term: %w", err)
	}
	return nil
}

// oldPartition adds a partition to the outbox for a day long past.
func (c *cluster) oldPartition(ctx context.Context, rng *rand.Rand) (day time.Time, err error) {
	day = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rng.IntN(8000))
	sql := fmt.Sprintf("CREATE TABLE IF NOT EXISTS analytics.outbox_%s PARTITION OF analytics.outbox FOR VALUES FROM ('%s') TO ('%s')",
		day.Format("20060102"), day.Format(time.DateOnly), day.AddDate(0, 0, 1).Format(time.DateOnly))
	if _, err := c.db.Exec(ctx, sql); err != nil {
		return day, fmt.Errorf("adding an old partition: %w", err)
	}
	return day, nil
}

// arm makes a service perform the action when it next reaches the failpoint. The
// file appears atomically.
func arm(s *service, point failpoint.Name, action string) error {
	path := filepath.Join(s.failpoints, string(point))
	if err := os.WriteFile(path+".new", []byte(action), 0o644); err != nil {
		return fmt.Errorf("arming %s: %w", point, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("arming %s: %w", point, err)
	}
	return nil
}

// disarm removes the service's armed and hit failpoints whose names match.
func disarm(s *service, pattern string) error {
	files, err := filepath.Glob(filepath.Join(s.failpoints, pattern))
	if err != nil {
		return err
	}
	for _, path := range files {
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) { // it may just have been hit
			return fmt.Errorf("disarming %s: %w", s.name, err)
		}
	}
	return nil
}

func awaitEnd(ctx context.Context, s *service) error {
	select {
	case <-s.Ended():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s was killed and does not end: %w", s.name, ctx.Err())
	}
}

// awaitStop waits until a process that sent itself SIGSTOP has halted.
func awaitStop(ctx context.Context, s *service) error {
	return stack.Poll(ctx, 10*time.Second, func() error {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.PID()))
		if err != nil {
			return fmt.Errorf("looking at %s: %w", s.name, err)
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		if !strings.HasPrefix(rest, "T") {
			return fmt.Errorf("%s does not halt", s.name)
		}
		return nil
	})
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
