package syncworker

import (
	"context"
	"errors"
	"time"

	"eventanalytics/pkg/clock"

	"go.uber.org/zap"
)

const (
	// compactEvery bounds how long compaction waits behind a backlog.
	compactEvery = 5 * time.Second
	dropEvery    = time.Hour
	stalledEvery = 10 * time.Second
)

// keepHouse runs the main lane of compaction, collects garbage and drops old
// outbox partitions, one after the other, beside the loads.
func (t *term) keepHouse(ctx context.Context) error {
	compact, collect, drop := time.NewTicker(compactEvery), time.NewTicker(t.cfg.CollectInterval), time.NewTicker(dropEvery)
	defer compact.Stop()
	defer collect.Stop()
	defer drop.Stop()
	compaction := func(ctx context.Context) error { return t.compact(ctx, mainLane) }
	err := errors.Join(
		t.work(ctx, "upgrading old segments", t.upgrade),
		t.work(ctx, "collecting garbage", t.collect),
		t.work(ctx, "dropping old outbox partitions", t.dropPartitions))
	for err == nil {
		select {
		case <-ctx.Done():
			return nil
		case <-t.compactable:
			err = t.work(ctx, "compacting", compaction)
		case <-compact.C:
			err = t.work(ctx, "compacting", compaction)
		case <-collect.C:
			err = errors.Join(
				t.work(ctx, "upgrading old segments", t.upgrade), // what failed before
				t.work(ctx, "collecting garbage", t.collect))
		case <-drop.C:
			err = t.work(ctx, "dropping old outbox partitions", t.dropPartitions)
		}
	}
	return err
}

// watchUploads ends those that hold up the loads.
func (t *term) watchUploads(ctx context.Context) error {
	for clock.Pause(ctx, stalledEvery) {
		if err := t.work(ctx, "ending stalled uploads", func(ctx context.Context) error { return t.endStalled(ctx, uploadLimit) }); err != nil {
			return err
		}
	}
	return nil
}

// work logs failures of f, which is tried again next time; only a lost lease is an
// error.
func (t *term) work(ctx context.Context, name string, f func(context.Context) error) error {
	err := f(ctx)
	if errors.Is(err, errFenced) {
		return err
	}
	if err != nil && ctx.Err() == nil {
		t.log.Error(name+"; trying again later", zap.Error(err))
	}
	return nil
}
