package syncworker

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/warehouse"
)

// upgradeEvents is how many events of an old segment become one of today: as many
// as a load has, so that it takes no more memory.
const upgradeEvents = 200_000

const outdatedSQL = "SELECT " + warehouse.SegmentColumns + ` FROM analytics.segments
WHERE replaced_at IS NULL AND rollup_bytes IS NULL AND id <> ALL ($1::bigint[]) ORDER BY id LIMIT 1`

// upgrade writes the segments of workers that made no roll-ups anew, one after the
// other. Their events have no user keys either, so that compaction leaves them
// alone until then. A damaged one does not hold up the others.
func (t *term) upgrade(ctx context.Context) error {
	var damage []error
	for ctx.Err() == nil {
		rows, err := t.pool.Query(ctx, outdatedSQL, t.damaged.list())
		if err != nil {
			return fmt.Errorf("looking for old segments: %w", err)
		}
		old, err := pgx.CollectExactlyOneRow(rows, warehouse.ScanSegment)
		if errors.Is(err, pgx.ErrNoRows) {
			break
		}
		if err != nil {
			return fmt.Errorf("looking for old segments: %w", err)
		}
		if err := t.upgradeSegment(ctx, old); err != nil {
			err = fmt.Errorf("upgrading %s: %w", old.Path, err)
			damage = append(damage, err)
			if !errors.Is(err, warehouse.ErrQuarantined) || !t.setAside([]warehouse.Segment{old}) {
				break
			}
		}
	}
	return errors.Join(damage...)
}

func (t *term) upgradeSegment(ctx context.Context, old warehouse.Segment) error {
	var out []warehouse.Segment
	var events []event.Event
	write := func() error {
		if len(events) == 0 {
			return nil
		}
		keys, err := t.keys.Of(ctx, old.ProjectID, events)
		if err != nil {
			return err
		}
		segment, err := t.builder.Write(ctx, old.ProjectID, events, keys, t.epoch)
		if err != nil {
			return err
		}
		segment.Level = old.Level
		out, events = append(out, segment), events[:0]
		return nil
	}
	err := t.builder.Events(ctx, old, func(e event.Event) error {
		if events = append(events, e); len(events) < upgradeEvents {
			return nil
		}
		return write()
	})
	if err == nil {
		err = write()
	}
	if err != nil {
		return err
	}
	if n := eventsOf(out); n != old.Events {
		return fmt.Errorf("%w: it has %d events, the manifest says %d", warehouse.ErrQuarantined, n, old.Events)
	}
	if err := t.replace(ctx, []warehouse.Segment{old}, out); err != nil {
		return err
	}
	t.notify(ctx)
	t.log.Info("upgraded a segment", zap.Int64(logging.ProjectID, old.ProjectID), zap.String(logging.Segment, old.Path))
	return nil
}
