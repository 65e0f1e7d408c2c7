package duckdb

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/pkg/warehouse/segment"
)

// Rebuilt says what became of a roll-up that was rebuilt.
type Rebuilt string

// The fates of a roll-up.
const (
	RollUpEqual    Rebuilt = "equal"    // as it was
	RollUpRestored Rebuilt = "restored" // its file was missing or damaged, and is back
	RollUpReplaced Rebuilt = "replaced" // it differed: the segment is a copy with the new one
)

// Rebuild makes a segment's roll-up from its events and compares it with the one
// there is. Only with RollUpReplaced is the result another segment: it must take
// the old one's place in the manifest. The error is segment.ErrQuarantined when
// the events are damaged.
func (b *Builder) Rebuild(ctx context.Context, s segment.Segment) (segment.Segment, Rebuilt, error) {
	if err := segment.Verify(b.dir, s); err != nil {
		return segment.Segment{}, "", err
	}
	data, err := b.sum(ctx, s)
	if err != nil {
		return segment.Segment{}, "", err
	}
	if s.RollUp == nil || sha256.Sum256(data) != s.RollUp.SHA256 {
		replaced, err := b.withRollUp(s, data)
		return replaced, RollUpReplaced, err
	}
	if segment.VerifyRollUp(b.dir, s) == nil {
		return s, RollUpEqual, nil
	}
	return s, RollUpRestored, b.files.RestoreRollUp(s, data)
}

// sum makes the roll-up of the events in a segment's file.
func (b *Builder) sum(ctx context.Context, s segment.Segment) ([]byte, error) {
	rows, err := b.db.QueryContext(ctx, "SELECT epoch_us(occurred_at), event_type, user_key, coalesce(properties, '') FROM "+readParquet(b.dir, []segment.Segment{s})+
		" WHERE project_id = $1", s.ProjectID)
	if err != nil {
		return nil, fmt.Errorf("reading events for a roll-up: %w", err)
	}
	defer rows.Close()
	var sum rollup.Builder
	var us, n int64
	var eventType sql.RawBytes
	var properties string
	var user uint32
	var name string
	for rows.Next() {
		if err := rows.Scan(&us, &eventType, &user, &properties); err != nil {
			return nil, fmt.Errorf("reading events for a roll-up: %w", err)
		}
		if !bytes.Equal([]byte(name), eventType) { // sorted by type: few texts are made
			name = string(eventType)
		}
		sum.Add(us, name, user, properties)
		n++
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading events for a roll-up: %w", err)
	}
	if n != s.Events {
		return nil, fmt.Errorf("%w: %s has %d events of the project, the manifest says %d", segment.ErrQuarantined, s.Path, n, s.Events)
	}
	return sum.Bytes(s.ProjectID)
}

// withRollUp copies a segment, so that readers of the old one keep its files, and
// gives the copy a roll-up.
func (b *Builder) withRollUp(s segment.Segment, data []byte) (segment.Segment, error) {
	from := filepath.Join(b.dir, s.Path)
	return b.files.Publish(s, func() ([]byte, error) { return data, nil }, func(tmp string) (err error) {
		in, err := os.Open(from)
		if err != nil {
			return fmt.Errorf("copying a segment: %w", err)
		}
		defer in.Close()
		out, err := os.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("copying a segment: %w", err)
		}
		if _, err := io.Copy(out, in); err != nil {
			_ = out.Close() // the copy has failed anyway
			return fmt.Errorf("copying a segment: %w", err)
		}
		return out.Close()
	})
}

// EventTypes calls each with the event types of a segment.
func (b *Builder) EventTypes(ctx context.Context, s segment.Segment, each func(string) error) error {
	return b.texts(ctx, s, "event_type", each)
}

// PropertyNames calls each with the names of the properties that a segment's events
// have; some may come twice.
func (b *Builder) PropertyNames(ctx context.Context, s segment.Segment, each func(string) error) error {
	return b.texts(ctx, s, "unnest(json_keys(properties))", each)
}

// texts calls each with the values of an expression.
func (b *Builder) texts(ctx context.Context, s segment.Segment, expression string, each func(string) error) error {
	rows, err := b.db.QueryContext(ctx, "SELECT DISTINCT "+expression+" AS text FROM "+readParquet(b.dir, []segment.Segment{s})+
		" WHERE project_id = $1", s.ProjectID)
	if err != nil {
		return fmt.Errorf("reading names: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return fmt.Errorf("reading names: %w", err)
		}
		if err := each(text); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading names: %w", err)
	}
	return nil
}

// Events calls each with the events of a segment, in the order of the file. The
// error is segment.ErrQuarantined when the file is damaged.
func (b *Builder) Events(ctx context.Context, s segment.Segment, each func(event.Event) error) error {
	if err := segment.Verify(b.dir, s); err != nil {
		return err
	}
	rows, err := b.db.QueryContext(ctx, "SELECT event_id, epoch_us(occurred_at), user_id, event_type, coalesce(properties, '') FROM "+
		readParquet(b.dir, []segment.Segment{s})+" WHERE project_id = $1", s.ProjectID)
	if err != nil {
		return fmt.Errorf("reading events: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var e event.Event
		if err := rows.Scan(&e.ID, &e.OccurredAt, &e.UserID, &e.Type, &e.Properties); err != nil {
			return fmt.Errorf("reading events: %w", err)
		}
		if err := each(e); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading events: %w", err)
	}
	return nil
}
