package load

import (
	"context"
	"fmt"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/failpoint"
	"eventanalytics/pkg/warehouse/manifest"
)

// publish makes a written batch visible and moves the position past it, in one
// transaction. It refuses when the stored position is not where the batch
// begins: then these rows are already in the warehouse.
func (l *Loader) publish(ctx context.Context, w written, batch outbox.Batch) error {
	complete := l.complete.loaded(batch)
	next := batch.Rows[len(batch.Rows)-1].Position
	if err := failpoint.Hit(failpoint.LoadBeforeCommit); err != nil {
		return err
	}
	err := l.deps.Term.Commit(ctx, func(tx *manifest.Tx) error {
		if tx.Stored != l.position {
			return ErrMoved
		}
		if err := tx.Advance(ctx, next, complete.until, w.segments); err != nil {
			return err
		}
		if err := insertDeadLetters(ctx, tx, w.dead); err != nil {
			return err
		}
		return failpoint.Hit(failpoint.LoadInCommit)
	})
	if err != nil {
		return fmt.Errorf("publishing a load: %w", err)
	}
	if err := failpoint.Hit(failpoint.LoadAfterCommit); err != nil {
		return err
	}
	complete.stored = complete.until
	l.position, l.complete = next, complete
	l.deps.Term.Notify(ctx)
	return nil
}

// reposition reads the position again: when a commit's answer was lost, only
// Postgres knows whether it took place.
func (l *Loader) reposition(ctx context.Context) error {
	stored, err := l.deps.Term.Position(ctx)
	if err != nil {
		return err
	}
	l.position = stored
	return nil
}
