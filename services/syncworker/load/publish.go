package load

import (
	"context"
	"fmt"
	"slices"

	"eventanalytics/pkg/identity/links"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/failpoint"
	"eventanalytics/pkg/traits/traitlog"
	"eventanalytics/pkg/warehouse/manifest"
)

// publish makes a written batch visible, applies claims of identity and changes of
// properties up to its end and moves the position past all of them, in one transaction. It
// refuses when the stored position is not where the batch begins: then these rows are
// already in the warehouse.
func (l *Loader) publish(ctx context.Context, w written, batch outbox.Batch, with beside) error {
	next := l.end(batch, with)
	bound := next.XID
	if batch.Drained {
		bound = batch.XMin
	}
	complete := l.complete.loaded(batch, bound)
	if err := failpoint.Hit(failpoint.LoadBeforeCommit); err != nil {
		return err
	}
	var linked links.Applied
	var changed traitlog.Applied
	err := l.deps.Term.Commit(ctx, func(tx *manifest.Tx) (err error) {
		if tx.Stored != l.position {
			return ErrMoved
		}
		if linked, err = with.claims.Apply(ctx, tx, next.Incarnation); err != nil {
			return err
		}
		if changed, err = with.traits.Apply(ctx, tx, next.Incarnation); err != nil {
			return err
		}
		if err := tx.Advance(ctx, next, complete.until, w.segments, slices.Concat(linked.Projects, changed.Projects)...); err != nil {
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
	l.deps.Metrics.linked(linked)
	l.deps.Metrics.changed(changed)
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
