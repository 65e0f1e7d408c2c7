package intake

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/clock"
	"eventanalytics/pkg/outbox"
)

// wakePause joins the wake-ups of many small requests into one.
const wakePause = 5 * time.Millisecond

// upkeepEvery is how often partitions are made and old answers dropped.
const upkeepEvery = time.Hour

// Run wakes the sync worker and does the upkeep of the outbox and the idempotency
// keys until ctx ends.
func (in *Intake) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return in.wakeWorker(ctx) })
	g.Go(func() error { return in.maintain(ctx) })
	g.Go(func() error { return in.trimAlways(ctx) })
	return g.Wait()
}

func (in *Intake) wakeWorker(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-in.appended:
		}
		if err := outbox.Notify(ctx, in.pool); err != nil && ctx.Err() == nil {
			in.log.Warn("waking the sync worker; it will poll", zap.Error(err))
		}
		if !clock.Pause(ctx, wakePause) {
			return nil
		}
	}
}

func (in *Intake) maintain(ctx context.Context) error {
	for {
		wait := upkeepEvery
		if err := in.upkeep(ctx); err != nil && ctx.Err() == nil {
			in.log.Warn("upkeep; trying again in a minute", zap.Error(err))
			wait = time.Minute
		}
		if !clock.Pause(ctx, wait) {
			return nil
		}
	}
}

func (in *Intake) upkeep(ctx context.Context) error {
	if err := outbox.CreatePartitions(ctx, in.pool); err != nil {
		return err
	}
	if _, err := in.pool.Exec(ctx, expireKeysSQL, keyLife); err != nil {
		return fmt.Errorf("dropping old idempotency keys: %w", err)
	}
	return in.upkeepQuarantine(ctx)
}
