package syncworker

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.uber.org/zap"

	"eventanalytics/pkg/logging"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/tracing"
	"eventanalytics/pkg/warehouse"
)

// maxMergeBytes bounds the Parquet that one merge reads: about ten times as
// much passes through memory or its spill folder.
const maxMergeBytes = 256 << 20

// Segments of half the target and more are finished. Merging those below halves
// their number at least: of two neighbours in the output at most one can be below
// half, or they would be one. A merge takes no more than twice the target, so
// that it ends soon; four of the smaller ones always fit.
const candidatesSQL = `
WITH small AS (
    SELECT project_id, level, count(*) OVER (PARTITION BY project_id, level) AS n
    FROM analytics.segments
    WHERE replaced_at IS NULL AND rollup_bytes IS NOT NULL AND events < $1::bigint / 2 AND id <> ALL ($5::bigint[])
), fullest AS (
    SELECT project_id, level FROM small WHERE n >= $2 ORDER BY n DESC, project_id, level LIMIT 1
)
SELECT ` + warehouse.SegmentColumns + `
FROM (
    SELECT s.*, sum(events) OVER (ORDER BY id) AS total_events, sum(bytes) OVER (ORDER BY id) AS total_bytes,
           row_number() OVER (ORDER BY id) AS n
    FROM analytics.segments AS s
    JOIN fullest USING (project_id, level)
    WHERE s.replaced_at IS NULL AND s.rollup_bytes IS NOT NULL AND s.events < $1::bigint / 2 AND s.id <> ALL ($5::bigint[])
) AS s
WHERE total_events <= 2 * $1::bigint AND (total_bytes <= $3 OR n <= 2) AND n <= $4
ORDER BY id`

// maxMergeFiles bounds the files one merge holds open.
const maxMergeFiles = 256

// compact merges until no project has enough segments of one level. Loads go on
// meanwhile.
func (t *term) compact(ctx context.Context) error {
	var damage []error
	for ctx.Err() == nil {
		more, err := t.compactOnce(ctx)
		if err != nil && !more {
			return errors.Join(append(damage, err)...)
		}
		if err != nil {
			damage = append(damage, err)
		}
		if !more {
			break
		}
	}
	return errors.Join(damage...)
}

// compactOnce reports whether it makes sense to try for more.
func (t *term) compactOnce(ctx context.Context) (more bool, err error) {
	began := t.now()
	in, err := t.candidates(ctx)
	if err != nil || len(in) < 2 {
		return false, err
	}
	ctx, span := t.span(ctx, "compact", began)
	defer func() { tracing.End(span, err) }()
	span.SetAttributes(attribute.Int64(tracing.ProjectID, in[0].ProjectID), attribute.Int(tracing.Merged, len(in)))
	out, err := t.builder.Merge(ctx, in, t.cfg.SegmentEvents, t.epoch)
	if errors.Is(err, warehouse.ErrQuarantined) {
		return t.setAside(in), err
	}
	if err != nil {
		return false, err
	}
	if t.beforeCommit != nil {
		if err := t.beforeCommit(ctx, out); err != nil {
			return false, err
		}
	}
	if err := t.replace(ctx, in, out); err != nil {
		return false, err
	}
	t.notify(ctx)
	span.SetAttributes(attribute.Int(tracing.Segments, len(out)), attribute.Int64(tracing.Events, events(out)))
	took := t.now().Sub(began)
	t.metrics.compactions.Observe(took.Seconds())
	t.log.Debug("compacted", zap.Int64(logging.ProjectID, in[0].ProjectID), zap.Int(logging.Segments, len(in)),
		zap.Int("into", len(out)), zap.Duration(logging.Duration, took))
	return true, nil
}

func events(segments []warehouse.Segment) (n int64) {
	for _, segment := range segments {
		n += segment.Events
	}
	return n
}

// setAside keeps damaged segments out of further merges of this term, so that
// they do not hold up the others. It returns whether there were any.
func (t *term) setAside(in []warehouse.Segment) bool {
	before := len(t.damaged)
	for _, segment := range in {
		if err := warehouse.Verify(t.cfg.Warehouse.Dir, segment); err != nil {
			t.damaged = append(t.damaged, segment.ID)
		}
	}
	return len(t.damaged) > before
}

func (t *term) candidates(ctx context.Context) ([]warehouse.Segment, error) {
	rows, err := t.pool.Query(ctx, candidatesSQL, t.cfg.SegmentEvents, t.cfg.CompactSegments, maxMergeBytes, maxMergeFiles, t.damaged)
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
	ids := make([]int64, len(in))
	for i, segment := range in {
		ids[i] = segment.ID
	}
	err := t.commit(ctx, func(tx pgx.Tx, _ outbox.Position) error {
		tag, err := tx.Exec(ctx, retireSQL, ids)
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
		return nil
	})
	if err != nil {
		return fmt.Errorf("replacing segments: %w", err)
	}
	return nil
}
