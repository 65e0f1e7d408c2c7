package replica

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/pkg/warehouse/segment"
)

var (
	// ErrNotReady is returned until the first snapshot has been read.
	ErrNotReady = errors.New("the manifest was not read yet")
	// ErrStale is returned when the manifest could not be read for half the
	// grace period: files of the snapshot may soon be deleted.
	ErrStale = errors.New("the manifest could not be read for too long")
)

// Reader follows the manifest: it holds the newest snapshot with its roll-ups and
// never goes back to an older one. Other files are checked when a query needs them, and
// one by one in the background.
type Reader struct {
	pool    *pgxpool.Pool
	files   *segment.Integrity
	rollUps *rollUps // Run only
	walks   *walks
	poll    time.Duration
	maxAge  time.Duration
	log     *zap.Logger
	now     func() time.Time

	mu      sync.Mutex
	current *Snapshot
	checked time.Time     // when the last successful look at the manifest began
	swapped chan struct{} // closed when current changes
}

// NewReader makes a Reader of the manifest that pool leads to. It shares files with
// the DB that answers from its snapshots.
func NewReader(pool *pgxpool.Pool, files *segment.Integrity, cfg warehouse.Config, log *zap.Logger) *Reader {
	return &Reader{
		pool: pool, files: files, rollUps: newRollUps(files, cfg.RollUpBytes, log), walks: newWalks(files, cfg.UsersBytes, log),
		poll: cfg.PollInterval, maxAge: cfg.GracePeriod / 2, log: log, now: time.Now, swapped: make(chan struct{}),
	}
}

// Run follows the manifest until ctx ends. It outlives failures of Postgres.
func (r *Reader) Run(ctx context.Context) error {
	wake := make(chan struct{}, 1)
	var background sync.WaitGroup
	defer background.Wait()
	background.Go(func() { newInspector(r).run(ctx) })
	background.Go(func() {
		postgres.Listen(ctx, r.pool, manifest.Channel, r.log, func() {
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
	var known *manifest.Snapshot
	if current != nil {
		known = current.Snapshot
	}
	next, err := manifest.ReadAfter(ctx, r.pool, known)
	if err != nil {
		return err
	}
	if known != nil {
		if err := notBefore(next, known); err != nil {
			return err
		}
	}
	changed := known == nil || next.Version != known.Version || next.Position != known.Position
	var views map[int64]*rollup.View
	var walks map[int64]*projectWalk
	var before map[int64]*people
	if current != nil {
		views, walks, before = current.rollUps, current.walks, current.people
	}
	if changed && known != nil {
		if err := r.fetch(ctx, known, next); err != nil {
			return err
		}
	}
	if changed || r.rollUps.pending() {
		if views, err = r.rollUps.follow(ctx, next); err != nil {
			return err
		}
	}
	if changed {
		walks = r.walks.follow(next, known, walks)
	}
	full := newSnapshot(next, views, walks, before)

	r.mu.Lock()
	defer r.mu.Unlock()
	r.current, r.checked = full, began
	if changed {
		close(r.swapped)
		r.swapped = make(chan struct{})
	}
	return nil
}

// notBefore refuses what a restored or lagging database would make us go back
// to.
func notBefore(next, current *manifest.Snapshot) error {
	if next.Position.Incarnation > current.Position.Incarnation {
		return nil // properly restored: versions may start over
	}
	if next.Position.Compare(current.Position) < 0 || next.Version < current.Version {
		return fmt.Errorf("the manifest went back from version %d to %d; keeping the newer", current.Version, next.Version)
	}
	return nil
}

// Quarantined returns the number of files that are known not to be what the
// manifest says. Queries that need a damaged file of events are refused; when it is
// another they are answered from the events where that is possible.
func (r *Reader) Quarantined() int { return r.files.Damaged() }

// RollUpBytes returns about how many bytes of memory the roll-ups take.
func (r *Reader) RollUpBytes() int64 { return r.rollUps.bytes.Load() }

// RollUpBudget returns how many they may take.
func (r *Reader) RollUpBudget() int64 { return r.rollUps.budget }

// MadeBytes returns about how many bytes of memory events by user take that were made
// because their file was not available.
func (r *Reader) MadeBytes() int64 { return r.walks.bytes() }

// MadeBudget returns how many they may take.
func (r *Reader) MadeBudget() int64 { return r.walks.budget }
