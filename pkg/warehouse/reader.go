package warehouse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"

	"eventanalytics/pkg/logging"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/postgres"
)

var (
	// ErrNotReady is returned before the first snapshot was read.
	ErrNotReady = errors.New("the manifest was not read yet")
	// ErrStale is returned when the manifest could not be read for half the
	// grace period: files of the snapshot may soon be deleted.
	ErrStale = errors.New("the manifest could not be read for too long")
)

// Reader follows the manifest: it holds the newest snapshot whose files it has
// checked and never goes back to an older one.
type Reader struct {
	dir      string
	manifest *Manifest
	poll     time.Duration
	maxAge   time.Duration
	log      *zap.Logger
	now      func() time.Time
	verified map[string]bool   // paths with the right hash; Run only
	damaged  map[string]damage // by path; Run only

	mu      sync.Mutex
	current *Snapshot
	checked time.Time     // when the last successful look at the manifest began
	swapped chan struct{} // closed when current changes
}

// damage is a file that is not what the manifest says, as it was looked at.
type damage struct {
	reason error
	size   int64
	at     time.Time
}

// NewReader makes a Reader of the segments in db's folder.
func NewReader(db *DB, m *Manifest, cfg Config, log *zap.Logger) *Reader {
	return &Reader{
		dir: db.dir, manifest: m, poll: cfg.PollInterval, maxAge: cfg.GracePeriod / 2, log: log, now: time.Now,
		verified: map[string]bool{}, damaged: map[string]damage{}, swapped: make(chan struct{}),
	}
}

// Run follows the manifest until ctx ends. It outlives failures of Postgres.
func (r *Reader) Run(ctx context.Context) error {
	wake := make(chan struct{}, 1)
	var listener sync.WaitGroup
	defer listener.Wait()
	listener.Go(func() {
		postgres.Listen(ctx, r.manifest.pool, Channel, r.log, func() {
			select {
			case wake <- struct{}{}:
			default:
			}
		})
	})
	ticker := time.NewTicker(r.poll)
	defer ticker.Stop()
	for {
		if err := r.refresh(ctx); err != nil && ctx.Err() == nil {
			r.log.Warn("following the manifest; trying again", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-ticker.C:
		}
	}
}

// Current returns the snapshot to answer from, ErrNotReady or ErrStale.
func (r *Reader) Current() (*Snapshot, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current == nil {
		return nil, ErrNotReady
	}
	if r.now().Sub(r.checked) > r.maxAge {
		return nil, ErrStale
	}
	return r.current, nil
}

// stalePolls is how many polls may fail before the snapshot counts as stale.
const stalePolls = 5

// Stale says that the manifest could not be read lately: there may be newer
// events.
func (r *Reader) Stale() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now().Sub(r.checked) > stalePolls*r.poll
}

// Age returns how long ago the last successful look at the manifest began; ok is
// false before the first.
func (r *Reader) Age() (age time.Duration, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now().Sub(r.checked), r.current != nil
}

// Wait returns when the current snapshot has everything up to pos, or when ctx
// ends.
func (r *Reader) Wait(ctx context.Context, pos outbox.Position) error {
	for {
		r.mu.Lock()
		current, swapped := r.current, r.swapped
		r.mu.Unlock()
		if current != nil && current.Position.Compare(pos) >= 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-swapped:
		}
	}
}

// refresh looks at the manifest once and swaps the newer snapshot in.
func (r *Reader) refresh(ctx context.Context) error {
	r.mu.Lock()
	current := r.current
	r.mu.Unlock()
	began := r.now()
	next, err := r.manifest.after(ctx, current)
	if err != nil {
		return err
	}
	if current != nil {
		if err := notBefore(next, current); err != nil {
			return err
		}
	}
	changed := current == nil || next.Version != current.Version || next.Position != current.Position
	if changed || len(r.damaged) > 0 {
		damaged, err := r.inspect(ctx, next)
		if err != nil {
			return err
		}
		next = next.without(damaged)
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	r.current, r.checked = next, began
	if changed {
		close(r.swapped)
		r.swapped = make(chan struct{})
	}
	return nil
}

// notBefore refuses what a restored or lagging database would make us go back
// to.
func notBefore(next, current *Snapshot) error {
	if next.Position.Incarnation > current.Position.Incarnation {
		return nil // restored in good order: versions may start anew
	}
	if next.Position.Compare(current.Position) < 0 || next.Version < current.Version {
		return fmt.Errorf("the manifest went back from version %d to %d; keeping the newer", current.Version, next.Version)
	}
	return nil
}

// inspect hashes the files not seen before and returns those that must not be
// read. A damaged file is looked at again when it changes.
func (r *Reader) inspect(ctx context.Context, s *Snapshot) (map[string]error, error) {
	live := map[string]bool{}
	damaged := map[string]error{}
	for _, segments := range s.segments {
		for _, segment := range segments {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			live[segment.Path] = true
			if r.verified[segment.Path] {
				continue
			}
			if err := r.check(segment); err != nil {
				damaged[segment.Path] = err
			}
		}
	}
	forget(r.verified, live)
	forget(r.damaged, live)
	return damaged, nil
}

func (r *Reader) check(segment Segment) error {
	var now damage
	if info, err := os.Stat(filepath.Join(r.dir, segment.Path)); err == nil {
		now.size, now.at = info.Size(), info.ModTime()
	}
	before, seen := r.damaged[segment.Path]
	if seen && before.size == now.size && before.at.Equal(now.at) {
		return before.reason
	}
	if now.reason = Verify(r.dir, segment); now.reason != nil {
		r.damaged[segment.Path] = now
		r.log.Error("segment is quarantined", zap.String(logging.Segment, segment.Path),
			zap.Int64(logging.ProjectID, segment.ProjectID), zap.Error(now.reason))
		return now.reason
	}
	if seen {
		r.log.Info("segment is whole again", zap.String(logging.Segment, segment.Path))
	}
	delete(r.damaged, segment.Path)
	r.verified[segment.Path] = true
	return nil
}

// forget drops the paths that are in no snapshot any more.
func forget[V any](paths map[string]V, live map[string]bool) {
	for path := range paths {
		if !live[path] {
			delete(paths, path)
		}
	}
}
