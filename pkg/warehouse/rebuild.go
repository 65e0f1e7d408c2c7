package warehouse

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
)

// Rebuilt says what became of a roll-up that was made again.
type Rebuilt string

// The fates of a roll-up.
const (
	RollUpEqual    Rebuilt = "equal"    // as it was
	RollUpRestored Rebuilt = "restored" // its file was missing or damaged, and is back
	RollUpReplaced Rebuilt = "replaced" // it was another: the segment is a copy with the new one
)

// Rebuild makes a segment's roll-up again from its events and compares it with
// the one there is. The segment is another only with RollUpReplaced: then it
// belongs into the manifest in place of the old one. The error is ErrQuarantined
// when the events are damaged.
func (b *Builder) Rebuild(ctx context.Context, segment Segment) (Segment, Rebuilt, error) {
	if err := Verify(b.dir, segment); err != nil {
		return Segment{}, "", err
	}
	data, err := b.sum(ctx, segment)
	if err != nil {
		return Segment{}, "", err
	}
	if segment.RollUp == nil || sha256.Sum256(data) != segment.RollUp.SHA256 {
		replaced, err := b.withRollUp(segment, data)
		return replaced, RollUpReplaced, err
	}
	if VerifyRollUp(b.dir, segment) == nil {
		return segment, RollUpEqual, nil
	}
	_, _, err = b.writeRollUp(segment, data)
	if err == nil {
		err = syncFolder(filepath.Join(b.dir, filepath.Dir(segment.Path)))
	}
	return segment, RollUpRestored, err
}

// sum makes the roll-up of the events in a segment's file.
func (b *Builder) sum(ctx context.Context, segment Segment) ([]byte, error) {
	rows, err := b.db.QueryContext(ctx, "SELECT epoch_us(occurred_at), event_type, user_key FROM "+readParquet(b.dir, []Segment{segment})+
		" WHERE project_id = $1", segment.ProjectID)
	if err != nil {
		return nil, fmt.Errorf("reading events for a roll-up: %w", err)
	}
	defer rows.Close()
	var sum rollup.Builder
	var us, n int64
	var eventType sql.RawBytes
	var user uint32
	var name string
	for rows.Next() {
		if err := rows.Scan(&us, &eventType, &user); err != nil {
			return nil, fmt.Errorf("reading events for a roll-up: %w", err)
		}
		if !bytes.Equal([]byte(name), eventType) { // sorted by type: few texts are made
			name = string(eventType)
		}
		sum.Add(us, name, user)
		n++
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading events for a roll-up: %w", err)
	}
	if n != segment.Events {
		return nil, fmt.Errorf("%w: %s has %d events of the project, the manifest says %d", ErrQuarantined, segment.Path, n, segment.Events)
	}
	return sum.Bytes(segment.ProjectID)
}

// withRollUp copies a segment, so that readers of the old one keep its files, and
// gives the copy a roll-up.
func (b *Builder) withRollUp(segment Segment, data []byte) (Segment, error) {
	from := filepath.Join(b.dir, segment.Path)
	return b.publish(segment, func() ([]byte, error) { return data, nil }, func(tmp string) (err error) {
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

// Events calls each with the events of a segment, in the order of the file.
func (b *Builder) Events(ctx context.Context, segment Segment, each func(event.Event) error) error {
	if err := Verify(b.dir, segment); err != nil {
		return err
	}
	rows, err := b.db.QueryContext(ctx, "SELECT event_id, epoch_us(occurred_at), user_id, event_type, coalesce(properties, '') FROM "+
		readParquet(b.dir, []Segment{segment})+" WHERE project_id = $1", segment.ProjectID)
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
