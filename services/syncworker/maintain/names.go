package maintain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"eventanalytics/pkg/clock"
	"eventanalytics/pkg/names"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/syncworker/lease"
)

const (
	// collectNamesEvery is how often projects without counted names are looked for:
	// there are some after an upgrade only.
	collectNamesEvery = time.Minute
	// namesAtOnce bounds the names, and namesBytes their bytes, that wait to be recorded.
	namesAtOnce = 5_000
	namesBytes  = 16 << 20
)

// Names collects the event types and property names of projects that are older than
// the bounds on these.
type Names struct {
	pool    *pgxpool.Pool
	term    *lease.Term
	builder *duckdb.Builder
	log     *zap.Logger
}

// Collect records the names of all events that such projects have. Ingest records
// those of new events itself, so it is enough to read what was in the outbox when this
// began; it returns when that is not loaded yet, and is called again. A project that
// fails does not hold up the others.
func (n *Names) Collect(ctx context.Context) error {
	projects, err := names.Uncounted(ctx, n.pool)
	if err != nil || len(projects) == 0 {
		return err
	}
	end, err := outbox.Last(ctx, n.pool)
	if err != nil {
		return err
	}
	if err := n.loaded(ctx, end); err != nil {
		return err
	}
	live, err := manifest.Live(ctx, n.pool)
	if err != nil {
		return err
	}
	byProject := map[int64][]segment.Segment{}
	for _, s := range live {
		byProject[s.ProjectID] = append(byProject[s.ProjectID], s)
	}
	var errs []error
	for _, project := range projects {
		if err := n.collect(ctx, project, byProject[project]); err != nil {
			errs = append(errs, fmt.Errorf("collecting names of project %d: %w", project, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

// loaded waits until everything up to a position is in segments.
func (n *Names) loaded(ctx context.Context, until outbox.Position) error {
	for {
		at, err := n.term.Position(ctx)
		if err != nil || at.Compare(until) >= 0 {
			return err
		}
		if !clock.Pause(ctx, time.Second) {
			return ctx.Err()
		}
	}
}

func (n *Names) collect(ctx context.Context, project int64, segments []segment.Segment) error {
	read := map[names.Kind]func(context.Context, segment.Segment, func(string) error) error{
		names.EventType: n.builder.EventTypes, names.Property: n.builder.PropertyNames,
	}
	for _, s := range segments {
		for kind, read := range read {
			var found []string
			size := 0
			record := func() error {
				err := names.Record(ctx, n.pool, project, kind, found)
				found, size = found[:0], 0
				return err
			}
			err := read(ctx, s, func(text string) error {
				found = append(found, text)
				if size += len(text); len(found) < namesAtOnce && size < namesBytes {
					return nil
				}
				return record()
			})
			if err == nil && len(found) > 0 {
				err = record()
			}
			if err != nil {
				return err
			}
		}
	}
	if err := names.Counted(ctx, n.pool, project); err != nil {
		return err
	}
	if len(segments) > 0 {
		n.log.Info("counted the names of a project", zap.Int64(logging.ProjectID, project), zap.Int(logging.Segments, len(segments)))
	}
	return nil
}
