package stack

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// A process that ends more often than restarts times within restartWindow cannot
// work, and its stack ends.
const (
	restarts      = 5
	restartWindow = time.Minute
	restartPause  = time.Second
)

// Supervise starts a process of the stack again when it ends, and Postgres, until
// ctx ends; say is told. It returns an error when one keeps ending. Call Stop after
// it.
func (s *Stack) Supervise(ctx context.Context, say func(string)) error {
	g, ctx := errgroup.WithContext(ctx)
	var mu sync.Mutex
	for _, p := range s.processes {
		g.Go(func() error {
			return keep(ctx, p.Name, p.Ended(), say, func() (<-chan struct{}, string, error) {
				log := p.Log()
				// Workers of nginx outlive it and keep its port.
				_ = syscall.Kill(-p.PID(), syscall.SIGKILL) // mostly there are none
				next, err := p.again(ctx)
				if err != nil {
					return nil, log, err
				}
				p = next
				mu.Lock()
				defer mu.Unlock()
				s.onStop(p.Stop)
				return p.Ended(), log, nil
			})
		})
	}
	g.Go(func() error {
		return keep(ctx, "postgres", s.Postgres.Done(), say, func() (<-chan struct{}, string, error) {
			err := s.RestartPostgres(ctx)
			return s.Postgres.Done(), "", err
		})
	})
	return g.Wait()
}

// keep waits for a process to end and calls again, which returns when the next one
// ends and what the last one logged.
func keep(ctx context.Context, name string, ended <-chan struct{}, say func(string), again func() (<-chan struct{}, string, error)) error {
	var times []time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ended:
		}
		if ctx.Err() != nil { // everything ends
			return nil
		}
		say(name + " ended; starting it again")
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(restartPause):
		}
		next, log, err := again()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		ended = next
		if times = append(times, time.Now()); len(times) > restarts {
			if times = times[1:]; time.Since(times[0]) < restartWindow {
				return fmt.Errorf("%s ended %d times within %s; it logged last:\n%s", name, restarts+1, restartWindow, tail(log))
			}
		}
	}
}

func tail(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
