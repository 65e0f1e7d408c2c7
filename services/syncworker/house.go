package syncworker

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"
)

const (
	// compactEvery bounds how long compaction waits behind a backlog.
	compactEvery = 5 * time.Second
	collectEvery = 10 * time.Minute
	dropEvery    = time.Hour
)

// keepHouse compacts segments, collects garbage and drops old outbox
// partitions, one after the other, beside the loads. Failures are logged and
// tried again next time; only a lost lease ends it.
func (t *term) keepHouse(ctx context.Context) error {
	compact, collect, drop := time.NewTicker(compactEvery), time.NewTicker(collectEvery), time.NewTicker(dropEvery)
	defer compact.Stop()
	defer collect.Stop()
	defer drop.Stop()
	work := func(name string, f func(context.Context) error) error {
		err := f(ctx)
		if errors.Is(err, errFenced) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			t.log.Error(name+"; trying again later", zap.Error(err))
		}
		return nil
	}
	err := errors.Join(work("upgrading old segments", t.upgrade), work("collecting garbage", t.collect), work("dropping old outbox partitions", t.dropPartitions))
	for err == nil {
		select {
		case <-ctx.Done():
			return nil
		case <-t.compactable:
			err = work("compacting", t.compact)
		case <-compact.C:
			err = work("compacting", t.compact)
		case <-collect.C:
			err = work("collecting garbage", t.collect)
		case <-drop.C:
			err = work("dropping old outbox partitions", t.dropPartitions)
		}
	}
	return err
}
