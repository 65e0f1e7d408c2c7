package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"eventanalytics/pkg/warehouse/turns"
)

// flight is a download that callers share.
type flight struct {
	waiting int
	started bool
	leave   context.CancelFunc // the last one who waits left before it started
	done    chan struct{}
	err     error
}

// fetch waits for a copy of a file, at most until ctx ends. A download that has started
// continues then: the next one who asks finds the copy.
func (c *Cache) fetch(ctx context.Context, project int64, f File) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	if known, ok := c.failed[f.Path]; ok && time.Now().Before(known.until) {
		c.mu.Unlock()
		return known.err
	}
	if c.inARow >= givenUp && time.Now().Before(c.last.until) {
		c.mu.Unlock()
		return c.last.err
	}
	shared := c.flights[f.Path]
	if shared == nil && c.look(f) { // the download that the caller did not see the end of
		c.mu.Unlock()
		return nil
	}
	if shared == nil {
		shared = c.start(project, f)
	}
	shared.waiting++
	c.mu.Unlock()

	select {
	case <-shared.done:
		return shared.err
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if shared.waiting--; shared.waiting == 0 && !shared.started {
		shared.leave()
		c.land(f.Path, shared)
	}
	return ctx.Err()
}

// start begins a download; c is locked.
func (c *Cache) start(project int64, f File) *flight {
	ctx, leave := context.WithCancel(c.ending)
	shared := &flight{leave: leave, done: make(chan struct{})}
	c.flights[f.Path] = shared
	c.ended.Go(func() {
		defer leave()
		err := c.download(ctx, project, f, shared)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.land(f.Path, shared)
		c.note(f.Path, shared, err)
		shared.err = err
		close(shared.done)
	})
	return shared
}

// note remembers how a download ended; c is locked.
func (c *Cache) note(path string, shared *flight, err error) {
	delete(c.failed, path)
	if !shared.started {
		return
	}
	if errors.Is(err, ErrUnavailable) {
		c.inARow++
		c.last = failure{err, time.Now().Add(retryAfter)}
	} else {
		c.inARow = 0
	}
	if err != nil {
		c.failed[path] = failure{err, time.Now().Add(retryAfter)}
	}
}

// land ends a flight for those who come now; c is locked.
func (c *Cache) land(path string, shared *flight) {
	if c.flights[path] == shared {
		delete(c.flights, path)
	}
}

// download makes the copy once it is the project's turn.
func (c *Cache) download(ctx context.Context, project int64, f File, shared *flight) error {
	err := c.downloads.Enter(ctx, project, queued)
	if errors.Is(err, turns.ErrBusy) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err != nil {
		return fmt.Errorf("%w: it is no longer wanted", ErrUnavailable)
	}
	defer c.downloads.Leave(project)
	c.mu.Lock()
	shared.started = true
	c.makeRoom(f.Bytes)
	c.sweep()
	c.mu.Unlock()

	path := filepath.Join(c.dir, f.Path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err := c.objects.Get(c.ending, f, path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(f.Path)
	c.add(&copied{path: f.Path, bytes: f.Bytes, fetched: info})
	return nil
}

// sweep forgets failures that no longer matter; c is locked.
func (c *Cache) sweep() {
	for path, known := range c.failed {
		if time.Now().After(known.until) {
			delete(c.failed, path)
		}
	}
}

// part begins the names of files that are not whole yet.
const part = ".part-"

// CreatePart makes the file that becomes the one at path once it is whole. One that is left
// over by a crash goes when the cache is opened.
func CreatePart(path string) (*os.File, error) {
	return os.CreateTemp(filepath.Dir(path), part+"*")
}

// IsPart says whether a name is of such a file.
func IsPart(name string) bool { return strings.HasPrefix(name, part) }
