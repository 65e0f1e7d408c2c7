package maintain

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/syncworker/lease"
	"eventanalytics/services/syncworker/userkey"
)

// upgradeEvents is how many events of an old segment become one of today: as many
// as a load has, so that it takes no more memory.
const upgradeEvents = 200_000

// Upgrader rewrites the segments of workers that made no roll-ups.
type Upgrader struct {
	pool    *pgxpool.Pool
	term    *lease.Term
	builder *duckdb.Builder
	keys    *userkey.Keys
	damage  *damage
	log     *zap.Logger
}

// Upgrade rewrites old segments one after the other. Their events have no user keys
// either, so that compaction leaves them alone until then. A damaged one does not
// hold up the others.
func (u *Upgrader) Upgrade(ctx context.Context) error {
	var errs []error
	for ctx.Err() == nil {
		old, ok, err := manifest.Outdated(ctx, u.pool, u.damage.list())
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if err := u.rewrite(ctx, old); err != nil {
			err = fmt.Errorf("upgrading %s: %w", old.Path, err)
			errs = append(errs, err)
			if !errors.Is(err, segment.ErrQuarantined) || !u.damage.add([]segment.Segment{old}) {
				break
			}
		}
	}
	return errors.Join(errs...)
}

func (u *Upgrader) rewrite(ctx context.Context, old segment.Segment) error {
	var out []segment.Segment
	var events []event.Event
	write := func() error {
		if len(events) == 0 {
			return nil
		}
		keys, err := u.keys.Of(ctx, old.ProjectID, events)
		if err != nil {
			return err
		}
		s, err := u.builder.Write(ctx, old.ProjectID, events, keys, u.term.Epoch())
		if err != nil {
			return err
		}
		s.Level = old.Level
		out, events = append(out, s), events[:0]
		return nil
	}
	err := u.builder.Events(ctx, old, func(e event.Event) error {
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
	if n := segment.EventsOf(out); n != old.Events {
		return fmt.Errorf("%w: it has %d events, the manifest says %d", segment.ErrQuarantined, n, old.Events)
	}
	if err := replace(ctx, u.term, []segment.Segment{old}, out); err != nil {
		return err
	}
	u.term.Notify(ctx)
	u.log.Info("upgraded a segment", zap.Int64(logging.ProjectID, old.ProjectID), zap.String(logging.Segment, old.Path))
	return nil
}
