// Package lease makes one worker at a time the leader: it waits for the manifest's
// lease, keeps it, and gives it back.
package lease

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"eventanalytics/pkg/clock"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/failpoint"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/warehouse/manifest"
)

// Config of the lease.
type Config struct {
	// Leader names this process.
	Leader string
	// Duration is how long a silent leader keeps the lease.
	Duration time.Duration
}

// Term is one leadership term: the lease, and the locks of what works under it.
type Term struct {
	*manifest.Lease

	// Writing and Merging are held from the first file of a load (shared) and of an
	// early merge to the end of its transaction: garbage collection must not take
	// those files for orphans. Lock order: Merging, then Writing, so that loads never
	// wait for a merge.
	Writing sync.RWMutex
	Merging sync.Mutex

	cfg  Config
	pool *pgxpool.Pool
	log  *zap.Logger
}

// Acquire stands by until the lease is free and takes it. It returns nil when
// ctx ended, or outbox.ErrRestored.
func Acquire(ctx context.Context, pool *pgxpool.Pool, cfg Config, log *zap.Logger) (*Term, error) {
	for {
		held, err := acquire(ctx, pool, cfg)
		if errors.Is(err, outbox.ErrRestored) {
			return nil, err
		}
		if held != nil {
			return &Term{Lease: held, cfg: cfg, pool: pool, log: log}, nil
		}
		if err != nil && ctx.Err() == nil {
			log.Warn("asking for the lease; trying again", zap.Error(err))
		}
		if !clock.Pause(ctx, cfg.Duration/5) {
			return nil, nil
		}
	}
}

func acquire(ctx context.Context, pool *pgxpool.Pool, cfg Config) (*manifest.Lease, error) {
	held, err := manifest.Acquire(ctx, pool, cfg.Leader, cfg.Duration)
	if held == nil || err != nil {
		return nil, err
	}
	if err := failpoint.Hit(failpoint.WorkerAfterClaim); err != nil {
		return nil, err
	}
	return held, nil
}

// Keep renews the lease until ctx ends or another worker has it; the latter is
// manifest.ErrFenced. While Postgres is away nobody can take the lease, so failures
// are only logged.
func (t *Term) Keep(ctx context.Context) error {
	for clock.Pause(ctx, t.cfg.Duration/3) {
		err := t.Renew(ctx, t.cfg.Duration)
		if errors.Is(err, manifest.ErrFenced) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			t.log.Warn("renewing the lease; trying again", zap.Error(err))
		}
	}
	return nil
}

// End gives the lease back, so that a standby takes over at once. It also does so
// when ctx has ended.
func (t *Term) End(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := t.Release(ctx); err != nil {
		t.log.Warn("giving the lease back; it will run out", zap.Int64(logging.Epoch, t.Epoch()), zap.Error(err))
	}
}

// Notify wakes the replicas after a commit. They also poll, so a failure is only
// logged.
func (t *Term) Notify(ctx context.Context) {
	if err := manifest.Notify(ctx, t.pool); err != nil && ctx.Err() == nil {
		t.log.Warn("telling replicas of a new version; they will poll", zap.Error(err))
	}
}

// RetryLater does a job that its caller does again later. It logs a failure, but for that of a
// term that is over, which it returns.
func (t *Term) RetryLater(ctx context.Context, name string, job func(context.Context) error) error {
	err := job(ctx)
	if errors.Is(err, manifest.ErrFenced) {
		return err
	}
	if err != nil && ctx.Err() == nil {
		t.log.Error(name+"; trying again later", zap.Error(err))
	}
	return nil
}
