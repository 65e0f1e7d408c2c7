package warehouse

import (
	"context"
	"errors"
	"fmt"

	"eventanalytics/pkg/warehouse/rollup"
)

// Merge writes the events of one project's segments anew, sorted over all of
// them, and returns segments of at most targetEvents each, cut at midnight UTC as
// Cut says. They have exactly the events of in; their level is one above the
// highest.
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
	days, err := b.days(ctx, in)
	if err != nil {
		return nil, err
	}
	spans := Cut(days, targetEvents)
	rollUps, err := b.rollUps(ctx, in)
	if err != nil {
		return nil, err
	}
	out := make([]Segment, 0, len(spans))
	for _, s := range spans {
		segment := Segment{ProjectID: in[0].ProjectID, Events: s.Events, MinAt: s.First, MaxAt: s.Last, Level: level, Epoch: epoch}
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

// days counts the events of segments by day.
func (b *Builder) days(ctx context.Context, in []Segment) ([]Span, error) {
	rows, err := b.db.QueryContext(ctx, "SELECT min(occurred_at), max(occurred_at), count(*) FROM "+readParquet(b.dir, in)+
		" WHERE project_id = $1 GROUP BY occurred_at::DATE ORDER BY 1", in[0].ProjectID)
	if err != nil {
		return nil, fmt.Errorf("counting events to merge: %w", err)
	}
	defer rows.Close()
	var days []Span
	for rows.Next() {
		var day Span
		if err := rows.Scan(&day.First, &day.Last, &day.Events); err != nil {
			return nil, fmt.Errorf("counting events to merge: %w", err)
		}
		day.First, day.Last = day.First.UTC(), day.Last.UTC()
		days = append(days, day)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("counting events to merge: %w", err)
	}
	return days, nil
}

// rollUps reads the roll-ups of segments, which must all have one. One that is
// damaged is made again from its events.
func (b *Builder) rollUps(ctx context.Context, segments []Segment) ([]*rollup.File, error) {
	files := make([]*rollup.File, len(segments))
	known := newIntegrity(b.dir)
	for i, segment := range segments {
		if segment.RollUp == nil {
			return nil, fmt.Errorf("segment %s has no roll-up", segment.Path)
		}
		var err error
		files[i], err = readRollUp(b.dir, segment, func() error { return known.checkRollUp(segment) })
		if err == nil {
			continue
		}
		data, err := b.sum(ctx, segment)
		if err != nil {
			return nil, err
		}
		if files[i], err = rollup.Read(rollUpBytes(data), int64(len(data))); err != nil {
			return nil, err
		}
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
		data, err := rollup.Merge(segment.ProjectID, rollUps, rollup.DayOf(segment.MinAt), rollup.DayOf(segment.MaxAt))
		if err != nil {
			return nil, err
		}
		f, err := rollup.Read(rollUpBytes(data), int64(len(data)))
		if err == nil && f.Events != uint64(segment.Events) {
			err = fmt.Errorf("merging roll-ups: they have %d events of %d", f.Events, segment.Events)
		}
		return data, err
	}
	conn, err := b.db.Conn(ctx)
	if err != nil {
		return Segment{}, fmt.Errorf("connecting to DuckDB: %w", err)
	}
	defer conn.Close()
	relation := fmt.Sprintf("(SELECT * FROM %s WHERE project_id = %d AND occurred_at BETWEEN %s AND %s)",
		readParquet(b.dir, needed), segment.ProjectID, instant(segment.MinAt), instant(segment.MaxAt))
	properties, err := b.shred(ctx, conn, relation, segment.Events, needed)
	if err != nil {
		return Segment{}, err
	}
	segment.Shredded = properties.columns
	return b.publish(segment, merge, func(tmp string) error { return copyTo(ctx, conn, segment, properties.relation, tmp) })
}
