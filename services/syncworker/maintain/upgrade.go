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

// Upgrader rewrites the segments of workers that made no roll-ups, and those of workers that
// gave columns no field ids: among these are all whose roll-ups do not count properties, or
// whose events by user are of their first version. It gives those that lack it a file of
// their events by user.
type Upgrader struct {
	pool    *pgxpool.Pool
	term    *lease.Term
	builder *duckdb.Builder
	keys    *userkey.Keys
	damage  *damage
	log     *zap.Logger
	// between is called before each segment: what cannot wait for all of them has its turn.
	between func(context.Context) error
}

// Upgrade rewrites old segments one after the other. The events of those without a
// roll-up have no user keys either, so that compaction leaves them alone until then. One
// that is damaged, or fails for another reason, does not hold up the others.
func (u *Upgrader) Upgrade(ctx context.Context) error {
	var failed []int64
	var errs []error
	for ctx.Err() == nil {
		if err := u.between(ctx); err != nil {
			return errors.Join(append(errs, err)...)
		}
		cut, err := manifest.PassedOver(ctx, u.pool, u.term.Epoch())
		if err != nil {
			return err
		}
		old, ok, err := u.next(ctx, slices.Concat(u.damage.list(), cut, failed))
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if err := u.upgrade(ctx, old); err != nil {
			if live, again := manifest.IsLive(ctx, u.pool, old); !live && again == nil {
				continue // an early merge was faster
			}
			errs = append(errs, fmt.Errorf("upgrading %s: %w", old.Path, err))
			if errors.Is(err, manifest.ErrFenced) {
				break
			}
			if !errors.Is(err, segment.ErrQuarantined) || !u.damage.add(ctx, []segment.Segment{old}) {
				failed = append(failed, old.ID)
			}
		}
	}
	return errors.Join(errs...)
}

// next returns an old segment other than those with the ids except; ok is false when
// there is none.
func (u *Upgrader) next(ctx context.Context, except []int64) (old segment.Segment, ok bool, err error) {
	if old, ok, err = manifest.Outdated(ctx, u.pool, except); ok || err != nil {
		return old, ok, err
	}
	if old, ok, err = manifest.WithoutUsers(ctx, u.pool, except); ok || err != nil {
		return old, ok, err
	}
	return manifest.WithoutFieldIDs(ctx, u.pool, except)
}

func (u *Upgrader) upgrade(ctx context.Context, old segment.Segment) error {
	in := []segment.Segment{old}
	var err error
	switch {
	case old.RollUp == nil:
		err = rewrite(ctx, u.pool, u.term, in, func() ([]segment.Segment, error) { return u.write(ctx, old) })
	case !old.FieldIDs:
		err = rewrite(ctx, u.pool, u.term, in, func() ([]segment.Segment, error) { return u.addFieldIDs(ctx, old) })
	default:
		err = noted(ctx, u.pool, u.term, in, func(note int64) error { return u.addUsers(ctx, old, note) })
	}
	if err != nil {
		return err
	}
	u.term.Notify(ctx)
	u.log.Info("upgraded a segment", zap.Int64(logging.ProjectID, old.ProjectID), zap.String(logging.Segment, old.Path))
	return nil
}

// addUsers makes the file of an old segment's events by user. It needs no copy: nobody
// has read that file yet.
func (u *Upgrader) addUsers(ctx context.Context, old segment.Segment, note int64) error {
	made, err := u.builder.AddUsers(ctx, old)
	if err != nil {
		return err
	}
	return u.term.Commit(ctx, func(tx *manifest.Tx) error {
		if err := tx.AddUsers(ctx, made); err != nil {
			return err
		}
		return tx.EndRewrite(ctx, note)
	})
}

// addFieldIDs makes a copy of an old segment whose columns have ids, with files beside its
// events that are of today.
func (u *Upgrader) addFieldIDs(ctx context.Context, old segment.Segment) ([]segment.Segment, error) {
	old.Epoch = u.term.Epoch()
	made, err := u.builder.AddFieldIDs(ctx, old)
	return []segment.Segment{made}, err
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
