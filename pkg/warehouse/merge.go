package warehouse

import (
	"context"
	"errors"
	"fmt"
	"time"

	"eventanalytics/pkg/warehouse/rollup"
)

// Merge writes the events of one project's segments anew, sorted over all of
// them, and returns segments of at most targetEvents each, cut at midnight UTC:
// small days go together, a day with more stands alone. They have exactly the
// events of in; their level is one above the highest.
//
// The input is checked against its hashes first: a flipped bit must not get a
// new hash. The error is ErrQuarantined for a damaged input. When it fails,
// files may be left over for garbage collection.
func (b *Builder) Merge(ctx context.Context, in []Segment, targetEvents int64, epoch int64) ([]Segment, error) {
	if len(in) == 0 {
		return nil, errors.New("merging no segments")
	}
	var total int64
	level := 0
	for _, segment := range in {
		if segment.ProjectID != in[0].ProjectID {
			return nil, fmt.Errorf("merging segments of projects %d and %d", in[0].ProjectID, segment.ProjectID)
		}
		if err := Verify(b.dir, segment); err != nil {
			return nil, err
		}
		total += segment.Events
		level = max(level, segment.Level+1)
	}
	spans, err := b.spans(ctx, in, targetEvents)
	if err != nil {
		return nil, err
	}
	rollUps, err := b.rollUps(in)
	if err != nil {
		return nil, err
	}
	out := make([]Segment, 0, len(spans))
	for _, s := range spans {
		segment := Segment{ProjectID: in[0].ProjectID, Events: s.events, MinAt: s.first, MaxAt: s.last, Level: level, Epoch: epoch}
		segment, err := b.write(ctx, segment, in, rollUps)
		if err != nil {
			return nil, err
		}
		out = append(out, segment)
		total -= segment.Events
	}
	if total != 0 {
		return nil, fmt.Errorf("merging %d segments of project %d: %d events are missing", len(in), in[0].ProjectID, total)
	}
	return out, nil
}

// span is what goes into one segment.
type span struct {
	first, last time.Time // inclusive
	events      int64
}

// spans cuts the events at midnight so that no span but that of a single day
// has more than target.
func (b *Builder) spans(ctx context.Context, in []Segment, target int64) ([]span, error) {
	rows, err := b.db.QueryContext(ctx, "SELECT min(occurred_at), max(occurred_at), count(*) FROM "+readParquet(b.dir, in)+
		" WHERE project_id = $1 GROUP BY occurred_at::DATE ORDER BY 1", in[0].ProjectID)
	if err != nil {
		return nil, fmt.Errorf("counting events to merge: %w", err)
	}
	defer rows.Close()
	var spans []span
	for rows.Next() {
		var day span
		if err := rows.Scan(&day.first, &day.last, &day.events); err != nil {
			return nil, fmt.Errorf("counting events to merge: %w", err)
		}
		day.first, day.last = day.first.UTC(), day.last.UTC()
		if n := len(spans); n > 0 && spans[n-1].events+day.events <= target {
			spans[n-1].last, spans[n-1].events = day.last, spans[n-1].events+day.events
		} else {
			spans = append(spans, day)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("counting events to merge: %w", err)
	}
	return spans, nil
}

// rollUps reads the roll-ups of segments, which must all have one.
func (b *Builder) rollUps(segments []Segment) ([]*rollup.File, error) {
	files := make([]*rollup.File, len(segments))
	for i, segment := range segments {
		if err := VerifyRollUp(b.dir, segment); err != nil {
			return nil, err
		}
		f, err := readRollUp(b.dir, segment)
		if err != nil {
			return nil, err
		}
		files[i] = f
	}
	return files, nil
}

func (b *Builder) write(ctx context.Context, segment Segment, in []Segment, rollUps []*rollup.File) (Segment, error) {
	var needed []Segment
	for _, s := range in {
		if !s.MaxAt.Before(segment.MinAt) && !s.MinAt.After(segment.MaxAt) {
			needed = append(needed, s)
		}
	}
	merge := func() ([]byte, error) {
		return rollup.Merge(segment.ProjectID, rollUps, rollup.DayOf(segment.MinAt), rollup.DayOf(segment.MaxAt))
	}
	return b.publish(segment, merge, func(tmp string) error {
		conn, err := b.db.Conn(ctx)
		if err != nil {
			return fmt.Errorf("connecting to DuckDB: %w", err)
		}
		defer conn.Close()
		return copyTo(ctx, conn, segment, fmt.Sprintf("FROM %s WHERE project_id = %d AND occurred_at BETWEEN %s AND %s",
			readParquet(b.dir, needed), segment.ProjectID, instant(segment.MinAt), instant(segment.MaxAt)), tmp)
	})
}
