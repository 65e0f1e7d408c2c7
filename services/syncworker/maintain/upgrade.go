package maintain

import (
	"context"
	"errors"
	"fmt"
	"slices"

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

// An old segment is read in pieces of as many events, and of as many bytes, as a load
// has, so that it takes no more memory.
const (
	upgradeEvents = 200_000
	upgradeBytes  = 64 << 20
)

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
		cut, err := manifest.PassedOver(ctx, u.pool, u.term.Epoch())
		if err != nil {
			return err
		}
		old, ok, err := manifest.Outdated(ctx, u.pool, slices.Concat(u.damage.list(), cut))
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if err := u.upgrade(ctx, old); err != nil {
			err = fmt.Errorf("upgrading %s: %w", old.Path, err)
			errs = append(errs, err)
			if !errors.Is(err, segment.ErrQuarantined) || !u.damage.add([]segment.Segment{old}) {
				break
			}
		}
	}
	return errors.Join(errs...)
}

func (u *Upgrader) upgrade(ctx context.Context, old segment.Segment) error {
	in := []segment.Segment{old}
	err := rewrite(ctx, u.pool, u.term, in, func() ([]segment.Segment, error) { return u.write(ctx, old) })
	if err != nil {
		return err
	}
	u.term.Notify(ctx)
	u.log.Info("upgraded a segment", zap.Int64(logging.ProjectID, old.ProjectID), zap.String(logging.Segment, old.Path))
	return nil
}

// write makes segments of today of an old one.
func (u *Upgrader) write(ctx context.Context, old segment.Segment) (out []segment.Segment, err error) {
	var events []event.Event
	var size int64
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
		out, events, size = append(out, s), events[:0], 0
		return nil
	}
	err = u.builder.Events(ctx, old, func(e event.Event) error {
		events = append(events, e)
		if size += segment.RawBytesOf(&e); len(events) < upgradeEvents && size < upgradeBytes {
			return nil
		}
		return write()
	})
	if err == nil {
		err = write()
	}
	if err != nil {
		return nil, err
	}
	if n := segment.EventsOf(out); n != old.Events {
		return nil, fmt.Errorf("%w: it has %d events, the manifest says %d", segment.ErrQuarantined, n, old.Events)
	}
	return out, nil
}
