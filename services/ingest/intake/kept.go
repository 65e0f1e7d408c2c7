package intake

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"eventanalytics/pkg/clock"
)

// KeptConfig bounds the answers that are kept under idempotency keys.
type KeptConfig struct {
	MaxKeys  int   `env:"MAX_IDEMPOTENCY_KEYS" envDefault:"1000000" doc:"Maximum answers kept per project for Idempotency-Key; beyond it the oldest are dropped before their 24 hours are over"`
	MaxBytes int64 `env:"MAX_IDEMPOTENCY_BYTES" envDefault:"268435456" doc:"Maximum bytes of these answers per project"`
}

// Validate reports everything that is wrong with the bounds.
func (c *KeptConfig) Validate() error {
	var errs []error
	if c.MaxKeys <= 0 {
		errs = append(errs, fmt.Errorf("MAX_IDEMPOTENCY_KEYS is %d, it must be positive", c.MaxKeys))
	}
	if c.MaxBytes <= 0 {
		errs = append(errs, fmt.Errorf("MAX_IDEMPOTENCY_BYTES is %d, it must be positive", c.MaxBytes))
	}
	return errors.Join(errs...)
}

// kept knows how many answers this process has added to what its projects keep. An
// upload that is sent again after its answer was dropped counts as duplicates.
type kept struct {
	cfg KeptConfig

	mu    sync.Mutex
	added map[int64]volume // by project, since it was last trimmed
}

type volume struct {
	keys  int
	bytes int64
	last  time.Time // when it was added to
}

const (
	// trimEvery is how often projects with many answers are looked for.
	trimEvery = 10 * time.Second
	// trimPart is the part of its bound that a project may add before its answers are
	// counted again, which reads all of them.
	trimPart = 20
)

func (k *kept) add(project int64, bytes int, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	v := k.added[project]
	v.keys++
	v.bytes += int64(bytes)
	v.last = now
	k.added[project] = v
}

// due returns the projects to trim and forgets what they added. It also forgets the
// projects whose answers have all expired.
func (k *kept) due(now time.Time) (projects []int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for project, v := range k.added {
		if v.keys > k.cfg.MaxKeys/trimPart || v.bytes > k.cfg.MaxBytes/trimPart {
			projects = append(projects, project)
			delete(k.added, project)
		} else if now.Sub(v.last) > keyLife {
			delete(k.added, project)
		}
	}
	return projects
}

const trimSQL = `
DELETE FROM analytics.idempotency_keys
WHERE project_id = $1 AND created_at <= (
    SELECT max(created_at)
    FROM (
        SELECT created_at, row_number() OVER newest AS n, sum(octet_length(answer)) OVER newest AS bytes
        FROM analytics.idempotency_keys
        WHERE project_id = $1
        WINDOW newest AS (ORDER BY created_at DESC, key ROWS UNBOUNDED PRECEDING)
    ) AS kept
    WHERE n > $2 OR bytes > $3
)`

// trimKept drops the oldest answers of projects that keep too many.
func (in *Intake) trimKept(ctx context.Context) error {
	for _, project := range in.kept.due(in.now()) {
		tag, err := in.pool.Exec(ctx, trimSQL, project, in.kept.cfg.MaxKeys, in.kept.cfg.MaxBytes)
		if err != nil {
			return fmt.Errorf("dropping answers of project %d: %w", project, err)
		}
		in.metrics.keysDropped.Add(float64(tag.RowsAffected()))
	}
	return nil
}

func (in *Intake) trimAlways(ctx context.Context) error {
	for clock.Pause(ctx, trimEvery) {
		if err := in.trimKept(ctx); err != nil && ctx.Err() == nil {
			in.log.Warn("dropping answers kept for idempotency keys; trying again", zap.Error(err))
		}
	}
	return nil
}
