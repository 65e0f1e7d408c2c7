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
// segment.Cut says. They have exactly the events of in; their level is one above the
// highest. It holds all of the events.
//
// The input is checked against its hashes first: a flipped bit must not get a
// new hash. The error is segment.ErrQuarantined for a damaged input. When it
// fails, files may be left over for garbage collection.
func (b *Builder) Merge(ctx context.Context, in []segment.Segment, targetEvents int64, epoch int64) ([]segment.Segment, error) {
	if len(in) == 0 {
		return nil, errors.New("merging no segments")
	}
	release, err := b.hold(ctx, in...)
	if err != nil {
		return nil, err
	}
	defer release()
	level := 0
	for _, s := range in {
		if s.ProjectID != in[0].ProjectID {
			return nil, fmt.Errorf("merging segments of projects %d and %d", in[0].ProjectID, s.ProjectID)
		}
		if err := b.verify(ctx, s); err != nil {
			return nil, err
		}
		level = max(level, s.Level+1)
	}
	rollUps, err := b.rollUps(ctx, in)
	if err != nil {
		return nil, err
	}
	all, err := b.read(ctx, in)
	if err != nil {
		return nil, err
	}
	var out []segment.Segment
	rest := all.order
	for _, span := range segment.Cut(all.days(), targetEvents) {
		s := segment.Segment{ProjectID: in[0].ProjectID, Events: span.Events, RawBytes: span.RawBytes, MinAt: span.First, MaxAt: span.Last, Level: level, Epoch: epoch}
		part := all.part(rest[:s.Events])
		if s, err = b.merge(ctx, s, part, in, rollUps); err != nil {
			return nil, err
		}
		out, rest = append(out, s), rest[s.Events:]
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("merging %d segments of project %d: %d events are missing", len(in), in[0].ProjectID, len(rest))
	}
	return out, nil
}

// merge writes one of the merged segments.
func (b *Builder) merge(ctx context.Context, s segment.Segment, part *table, in []segment.Segment, rollUps []*rollup.File) (segment.Segment, error) {
	rollUp, events, err := rollup.Merge(s.ProjectID, rollUps, rollup.DayOf(s.MinAt), rollup.DayOf(s.MaxAt))
	if err == nil && events != uint64(s.Events) {
		err = fmt.Errorf("merging roll-ups: they have %d events of %d", events, s.Events)
	}
	if err != nil {
		return segment.Segment{}, err
	}
	var properties []chosen
	if s.Events >= b.ShredFrom {
		if properties = columnsOfAll(in); properties == nil {
			have, err := propertiesOf(ctx, rollUp)
			if err != nil {
				return segment.Segment{}, err
			}
			properties = choose(part, have)
		}
	}
	return b.publish(ctx, s, part, properties, func() ([]byte, error) { return rollUp, nil })
}

// propertiesOf returns how many events of a roll-up have each property.
func propertiesOf(ctx context.Context, rollUp []byte) (map[string]rollup.Kinds, error) {
	file, err := rollup.Read(rollUpBytes(rollUp), int64(len(rollUp)))
	if err != nil {
		return nil, err
	}
	view, err := rollup.NewView([]*rollup.File{file})
	if err != nil {
		return nil, err
	}
	return view.Scan(nil).Properties(ctx, rollup.Always)
}

// rawBytes is segment.RawBytesOf in SQL, over all events.
var rawBytes = fmt.Sprintf("sum(%d + strlen(user_id) + strlen(event_type) + coalesce(strlen(properties), 0))::BIGINT", segment.EventOverhead)

// Measure returns the RawBytes of a segment of which they are not known.
func (b *Builder) Measure(ctx context.Context, s segment.Segment) (raw int64, err error) {
	release, err := b.hold(ctx, s)
	if err != nil {
		return 0, err
	}
	defer release()
	err = b.db.QueryRowContext(ctx, "SELECT "+rawBytes+" FROM "+readParquet(b.dir, []segment.Segment{s})).Scan(&raw)
	if err != nil {
		return 0, fmt.Errorf("measuring segment %s: %w", s.Path, err)
	}
	return raw, nil
}

// rollUps reads the roll-ups of segments, which must all have one. One that is
// damaged, or of a version that did not count properties, is rebuilt from its events.
func (b *Builder) rollUps(ctx context.Context, segments []segment.Segment) ([]*rollup.File, error) {
	files := make([]*rollup.File, len(segments))
	known := segment.NewIntegrity(b.folder)
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

// rollUpBytes is a roll-up without a file.
type rollUpBytes []byte

func (b rollUpBytes) Open() (rollup.ReadAtCloser, error) {
	return struct {
		*bytes.Reader
		io.Closer
	}{bytes.NewReader(b), io.NopCloser(nil)}, nil
}
