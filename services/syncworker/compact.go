package syncworker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.uber.org/zap"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/failpoint"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/tracing"
	"eventanalytics/pkg/warehouse"
)

// maxMergeBytes bounds the Parquet that one merge reads: about ten times as
// much passes through memory or its spill folder.
const maxMergeBytes = 256 << 20

// maxMergeFiles bounds the files one merge holds open.
const maxMergeFiles = 256

// lane is a part of the merges. Both run at the same time and have no segment in
// common.
type lane struct {
	name string
	// early merges are those of small loads. They take a fraction of a second, so
	// that a question never meets many such segments while others, of seconds, are
	// under way.
	early bool
}

var earlyLane, mainLane = lane{"early", true}, lane{"main", false}

// earlyEvents is the most events of a segment of the early lane. While there is a
// backlog loads have more; then they are merged with the rest.
const earlyEvents = 50_000

// Segments of one project and level are merged when enough have gathered: each
// event is written anew once for each level, and levels are as few as the logarithm
// of the events. Those of half the target and more are finished.
//
// A merge takes at most twice the target, so that it ends soon; four of the smaller
// ones always fit. They become less: any two neighbours that Cut leaves have more
// than the target together, so there are three at most, of which two are small, and
// one of late events.
const candidatesSQL = `
WITH small AS (
    SELECT id, project_id, level, events, bytes
    FROM analytics.segments
    WHERE replaced_at IS NULL AND rollup_bytes IS NOT NULL AND events * 2 < $1::bigint AND id <> ALL ($5::bigint[])
      AND (level = 0 AND events <= $6) = $7
), fullest AS (
    SELECT project_id, level FROM small GROUP BY project_id, level HAVING count(*) >= $2
    ORDER BY count(*) DESC, project_id, level LIMIT 1
), taken AS (
    SELECT id, sum(events) OVER w AS total_events, sum(bytes) OVER w AS total_bytes, row_number() OVER w AS n
    FROM small JOIN fullest USING (project_id, level)
    WINDOW w AS (ORDER BY id)
)
SELECT ` + warehouse.SegmentColumns + `
FROM analytics.segments JOIN taken USING (id)
WHERE total_events <= 2 * $1::bigint AND (total_bytes <= $3 OR n <= 4) AND n <= $4
ORDER BY id`

// compact merges the segments of a lane until no project has enough of one level.
// Loads go on meanwhile. A merge that fails is passed over until the next call: it
// may fail for ever, and must not hold up those of other projects.
func (t *term) compact(ctx context.Context, l lane) error {
	var failed []int64
	var errs []error
	for ctx.Err() == nil {
		in, err := t.compactOnce(ctx, l, failed)
		if err != nil {
			errs = append(errs, err)
		}
		if len(in) == 0 || errors.Is(err, errFenced) {
			break
		}
		if err != nil && !(errors.Is(err, warehouse.ErrQuarantined) && t.setAside(in)) {
			failed = append(failed, idsOf(in)...)
		}
	}
	return errors.Join(errs...)
}

func idsOf(segments []warehouse.Segment) []int64 {
	ids := make([]int64, len(segments))
	for i, segment := range segments {
		ids[i] = segment.ID
	}
	return ids
}

// compactEarly is the early lane.
func (t *term) compactEarly(ctx context.Context) error {
	every := time.NewTicker(compactEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.loaded:
		case <-every.C:
		}
		if err := t.work(ctx, "compacting small loads", func(ctx context.Context) error { return t.compact(ctx, earlyLane) }); err != nil {
			return err
		}
	}
}

// compactOnce merges segments other than those with the ids except and returns
// them, none when there is nothing to merge.
func (t *term) compactOnce(ctx context.Context, l lane, except []int64) (in []warehouse.Segment, err error) {
	began := time.Now()
	if l.early { // the main lane takes turns with garbage collection
		t.merging.Lock()
		defer t.merging.Unlock()
	}
	if in, err = t.candidates(ctx, l, except); err != nil || len(in) < 2 {
		return nil, err
	}
	ctx, span := t.span(ctx, "compact", began)
	defer func() { tracing.End(span, err) }()
	span.SetAttributes(attribute.Int64(tracing.ProjectID, in[0].ProjectID), attribute.Int(tracing.Merged, len(in)))
	out, err := t.builder.Merge(ctx, in, t.cfg.SegmentEvents, t.epoch)
	if err != nil {
		return in, err
	}
	if t.beforeCommit != nil {
		if err := t.beforeCommit(ctx, out); err != nil {
			return in, err
		}
	}
	if err := failpoint.Hit(failpoint.CompactBeforeSwap); err != nil {
		return in, err
	}
	if err := t.replace(ctx, in, out); err != nil {
		return in, err
	}
	if err := failpoint.Hit(failpoint.CompactAfterSwap); err != nil {
		return in, err
	}
	t.notify(ctx)
	span.SetAttributes(attribute.Int(tracing.Segments, len(out)), attribute.Int64(tracing.Events, eventsOf(out)))
	took := time.Since(began)
	t.metrics.compactions.Observe(took.Seconds())
	t.metrics.compacted.Add(float64(eventsOf(out)))
	signal(t.compactable) // the next level may be full
	t.log.Debug("compacted", zap.Int64(logging.ProjectID, in[0].ProjectID), zap.Int(logging.Segments, len(in)),
		zap.Int("into", len(out)), zap.Duration(logging.Duration, took))
	return in, nil
}

func eventsOf(segments []warehouse.Segment) (n int64) {
	for _, segment := range segments {
		n += segment.Events
	}
	return n
}

// setAside keeps damaged segments out of further merges of this term, so that
// they do not hold up the others. It returns whether there were any.
func (t *term) setAside(in []warehouse.Segment) bool {
	found := false
	for _, segment := range in {
		if err := warehouse.Verify(t.cfg.Warehouse.Dir, segment); err != nil {
			t.damaged.add(segment.ID)
			found = true
		}
	}
	return found
}

func (t *term) candidates(ctx context.Context, l lane, except []int64) ([]warehouse.Segment, error) {
	rows, err := t.pool.Query(ctx, candidatesSQL, t.cfg.SegmentEvents, t.cfg.CompactSegments, maxMergeBytes, maxMergeFiles,
		append(t.damaged.list(), except...), earlyEvents, l.early)
	if err != nil {
		return nil, fmt.Errorf("looking for segments to merge: %w", err)
	}
	in, err := pgx.CollectRows(rows, warehouse.ScanSegment)
	if err != nil {
		return nil, fmt.Errorf("looking for segments to merge: %w", err)
	}
	return in, nil
}

const retireSQL = `
UPDATE analytics.segments SET replaced_at = clock_timestamp()
WHERE id = ANY($1::bigint[]) AND replaced_at IS NULL`

// Versions of projects stay: no answer changes.
const bumpSQL = "UPDATE analytics.sync_state SET version = version + 1 WHERE epoch = $1"

// replace swaps merged segments in for those they were made of.
func (t *term) replace(ctx context.Context, in, out []warehouse.Segment) error {
	err := t.commit(ctx, func(tx pgx.Tx, _ outbox.Position) error {
		tag, err := tx.Exec(ctx, retireSQL, idsOf(in))
		if err != nil {
			return fmt.Errorf("retiring segments: %w", err)
		}
		if int(tag.RowsAffected()) != len(in) {
			return fmt.Errorf("retiring segments: %d of %d are live", tag.RowsAffected(), len(in))
		}
		if err := warehouse.InsertSegments(ctx, tx, out); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, bumpSQL, t.epoch); err != nil {
			return fmt.Errorf("raising the version: %w", err)
		}
		return failpoint.Hit(failpoint.CompactInSwap)
	})
	if err != nil {
		return fmt.Errorf("replacing segments: %w", err)
	}
	return nil
}
