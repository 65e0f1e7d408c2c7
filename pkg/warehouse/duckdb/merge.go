package duckdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/pkg/warehouse/segment"
)

// Merge rewrites the events of one project's segments, sorted over all of them,
// and returns segments of at most targetEvents each, cut at midnight UTC as
// segment.Cut says. They have exactly the events of in; their level is one above
// the highest.
//
// The input is checked against its hashes first: a flipped bit must not get a
// new hash. The error is segment.ErrQuarantined for a damaged input. When it
// fails, files may be left over for garbage collection.
func (b *Builder) Merge(ctx context.Context, in []segment.Segment, targetEvents int64, epoch int64) ([]segment.Segment, error) {
	if len(in) == 0 {
		return nil, errors.New("merging no segments")
	}
	var total, raw int64
	level := 0
	for _, s := range in {
		if s.ProjectID != in[0].ProjectID {
			return nil, fmt.Errorf("merging segments of projects %d and %d", in[0].ProjectID, s.ProjectID)
		}
		if err := segment.Verify(b.dir, s); err != nil {
			return nil, err
		}
		total += s.Events
		raw += s.RawBytes
		level = max(level, s.Level+1)
	}
	spans, err := b.cut(ctx, in, targetEvents)
	if err != nil {
		return nil, err
	}
	if len(spans) == 1 {
		spans[0].RawBytes = raw
	}
	rollUps, err := b.rollUps(ctx, in)
	if err != nil {
		return nil, err
	}
	out := make([]segment.Segment, 0, len(spans))
	for _, span := range spans {
		s := segment.Segment{ProjectID: in[0].ProjectID, Events: span.Events, RawBytes: span.RawBytes, MinAt: span.First, MaxAt: span.Last, Level: level, Epoch: epoch}
		s, err := b.write(ctx, s, in, rollUps)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
		total -= s.Events
	}
	if total != 0 {
		return nil, fmt.Errorf("merging %d segments of project %d: %d events are missing", len(in), in[0].ProjectID, total)
	}
	return out, nil
}

// cut says what segments the events of others become. It reads their texts only when
// there are several to tell apart: the size of a single one is the sum.
func (b *Builder) cut(ctx context.Context, in []segment.Segment, targetEvents int64) ([]segment.Span, error) {
	days, err := b.days(ctx, in, "0")
	if err != nil {
		return nil, err
	}
	spans := segment.Cut(days, targetEvents)
	if len(spans) == 1 {
		return spans, nil
	}
	if days, err = b.days(ctx, in, rawBytes); err != nil {
		return nil, err
	}
	return segment.Cut(days, targetEvents), nil
}

// rawBytes is segment.RawBytesOf in SQL, over all events.
var rawBytes = fmt.Sprintf("sum(%d + strlen(user_id) + strlen(event_type) + coalesce(strlen(properties), 0))::BIGINT", segment.EventOverhead)

// Measure returns the RawBytes of a segment of which they are not known.
func (b *Builder) Measure(ctx context.Context, s segment.Segment) (raw int64, err error) {
	err = b.db.QueryRowContext(ctx, "SELECT "+rawBytes+" FROM "+readParquet(b.dir, []segment.Segment{s})).Scan(&raw)
	if err != nil {
		return 0, fmt.Errorf("measuring segment %s: %w", s.Path, err)
	}
	return raw, nil
}

// days counts the events of segments by day, with the sum size of their texts.
func (b *Builder) days(ctx context.Context, in []segment.Segment, size string) ([]segment.Span, error) {
	rows, err := b.db.QueryContext(ctx, "SELECT min(occurred_at), max(occurred_at), count(*), "+size+" FROM "+readParquet(b.dir, in)+
		" WHERE project_id = $1 GROUP BY occurred_at::DATE ORDER BY 1", in[0].ProjectID)
	if err != nil {
		return nil, fmt.Errorf("counting events to merge: %w", err)
	}
	defer rows.Close()
	var days []segment.Span
	for rows.Next() {
		var day segment.Span
		if err := rows.Scan(&day.First, &day.Last, &day.Events, &day.RawBytes); err != nil {
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
// damaged, or of a version that did not count properties, is rebuilt from its events.
func (b *Builder) rollUps(ctx context.Context, segments []segment.Segment) ([]*rollup.File, error) {
	files := make([]*rollup.File, len(segments))
	known := segment.NewIntegrity(b.dir)
	for i, s := range segments {
		if s.RollUp == nil {
			return nil, fmt.Errorf("segment %s has no roll-up", s.Path)
		}
		var err error
		files[i], err = known.ReadRollUp(s)
		if err == nil && files[i].CountsProperties() {
			continue
		}
		data, err := b.sum(ctx, s)
		if err != nil {
			return nil, err
		}
		if files[i], err = rollup.Read(rollUpBytes(data), int64(len(data))); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// write makes one of the merged segments: s, with the events of in that are in its
// time.
func (b *Builder) write(ctx context.Context, s segment.Segment, in []segment.Segment, rollUps []*rollup.File) (segment.Segment, error) {
	var needed []segment.Segment
	for _, from := range in {
		if !from.MaxAt.Before(s.MinAt) && !from.MinAt.After(s.MaxAt) {
			needed = append(needed, from)
		}
	}
	merge := func() ([]byte, error) {
		data, events, err := rollup.Merge(s.ProjectID, rollUps, rollup.DayOf(s.MinAt), rollup.DayOf(s.MaxAt))
		if err == nil && events != uint64(s.Events) {
			err = fmt.Errorf("merging roll-ups: they have %d events of %d", events, s.Events)
		}
		return data, err
	}
	conn, err := b.db.Conn(ctx)
	if err != nil {
		return segment.Segment{}, fmt.Errorf("connecting to DuckDB: %w", err)
	}
	defer release(ctx, conn)
	relation := fmt.Sprintf("(SELECT * FROM %s WHERE project_id = %d AND occurred_at BETWEEN %s AND %s)",
		readParquet(b.dir, needed), s.ProjectID, timestamptzLiteral(s.MinAt), timestamptzLiteral(s.MaxAt))
	properties, err := b.shred(ctx, conn, relation, s.Events, needed)
	if err != nil {
		return segment.Segment{}, err
	}
	s.Shredded = properties.columns
	return b.publish(ctx, s, merge, func(tmp string) error { return copyTo(ctx, conn, s, properties.relation, tmp) })
}

// rollUpBytes is a roll-up without a file.
type rollUpBytes []byte

func (b rollUpBytes) Open() (rollup.ReadAtCloser, error) {
	return struct {
		*bytes.Reader
		io.Closer
	}{bytes.NewReader(b), io.NopCloser(nil)}, nil
}
