package duckdb

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/warehouse/pages"
	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/pkg/warehouse/segment"
)

// Fate says what became of a file that was rebuilt.
type Fate string

// The fates of a file.
const (
	Equal    Fate = "equal"    // as it was
	Restored Fate = "restored" // it was missing or damaged, and is back
	Replaced Fate = "replaced" // it differed: the segment is a copy with new files
)

// Rebuilt says what became of the files beside a segment's Parquet file.
type Rebuilt struct {
	RollUp Fate
	Users  Fate // "" when there was none
}

// IsReplaced says that the segment is another.
func (r Rebuilt) IsReplaced() bool { return r.RollUp == Replaced || r.Users == Replaced }

// Rebuild makes the files beside a segment's Parquet file from its events and compares
// them with those there are. Only when one is replaced is the result another segment: it
// must take the old one's place in the manifest. The error is segment.ErrQuarantined when
// the events are damaged, or one is not found by its id or row.
func (b *Builder) Rebuild(ctx context.Context, s segment.Segment) (segment.Segment, Rebuilt, error) {
	release, err := b.hold(ctx, s)
	if err != nil {
		return segment.Segment{}, Rebuilt{}, err
	}
	defer release()
	if err := segment.NewIntegrity(b.folder).CheckPages(ctx, s); err != nil {
		return segment.Segment{}, Rebuilt{}, err
	}
	rollUp, err := b.sum(ctx, s)
	if err != nil {
		return segment.Segment{}, Rebuilt{}, err
	}
	tmp := segment.Temporary(b.dir, s.UsersPath())
	defer os.Remove(tmp)
	var fates Rebuilt
	if fates.RollUp, err = b.fateOf(ctx, s, s.RollUp != nil && sha256.Sum256(rollUp) == s.RollUp.SHA256, s.RollUpFile); err != nil {
		return segment.Segment{}, Rebuilt{}, err
	}
	if s.Users != nil {
		sum, err := b.usersAgain(ctx, s, rollUp, tmp)
		if err != nil {
			return segment.Segment{}, Rebuilt{}, err
		}
		if fates.Users, err = b.fateOf(ctx, s, sum == s.Users.SHA256, s.UsersFile); err != nil {
			return segment.Segment{}, Rebuilt{}, err
		}
	}
	if fates.IsReplaced() {
		replaced, err := b.copy(ctx, s, rollUp)
		return replaced, fates, err
	}
	if fates.RollUp == Restored {
		err = b.files.RestoreRollUp(ctx, s, rollUp)
	}
	if fates.Users == Restored && err == nil {
		_, err = b.files.PlaceUsers(ctx, s, tmp)
	}
	return s, fates, err
}

// fateOf returns what becomes of a file, given whether the manifest's is as it should be.
func (b *Builder) fateOf(ctx context.Context, s segment.Segment, right bool, file func() segment.File) (Fate, error) {
	if !right {
		return Replaced, nil
	}
	release, err := b.folder.Hold(ctx, s.ProjectID, file())
	if err == nil {
		defer release()
		err = b.folder.Verify(ctx, s.ProjectID, file())
	}
	switch {
	case errors.Is(err, segment.ErrQuarantined):
		return Restored, nil
	case err != nil:
		return "", err
	}
	return Equal, nil
}

// usersAgain writes the events of a segment by user into a temporary file and returns
// its hash.
func (b *Builder) usersAgain(ctx context.Context, s segment.Segment, rollUp []byte, tmp string) (sum [32]byte, err error) {
	if err := users(ctx, s, rollUp, filepath.Join(b.dir, s.Path), tmp); err != nil {
		return sum, err
	}
	f, err := os.Open(tmp)
	if err != nil {
		return sum, fmt.Errorf("hashing events by user: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return sum, fmt.Errorf("hashing events by user: %w", err)
	}
	return [32]byte(h.Sum(nil)), nil
}

// AddUsers makes the file of events by user of a segment that has none and returns the
// segment with it, which the manifest must say. The error is segment.ErrQuarantined when
// the events are damaged.
func (b *Builder) AddUsers(ctx context.Context, s segment.Segment) (segment.Segment, error) {
	release, err := b.hold(ctx, s)
	if err != nil {
		return segment.Segment{}, err
	}
	defer release()
	if err := b.verify(ctx, s); err != nil {
		return segment.Segment{}, err
	}
	rollUp, err := b.sum(ctx, s)
	if err != nil {
		return segment.Segment{}, err
	}
	tmp := segment.Temporary(b.dir, s.UsersPath())
	defer os.Remove(tmp)
	if err := users(ctx, s, rollUp, filepath.Join(b.dir, s.Path), tmp); err != nil {
		return segment.Segment{}, err
	}
	made, err := b.files.PlaceUsers(ctx, s, tmp)
	s.Users = &made
	return s, err
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

// AddFieldIDs copies a segment whose columns have no ids and gives them to those of the
// copy, which must take its place in the manifest. The files beside it are made again where
// they are damaged or of an older version. The error is segment.ErrQuarantined when the
// events are damaged.
func (b *Builder) AddFieldIDs(ctx context.Context, s segment.Segment) (segment.Segment, error) {
	release, err := b.hold(ctx, s)
	if err != nil {
		return segment.Segment{}, err
	}
	defer release()
	if err := b.verify(ctx, s); err != nil {
		return segment.Segment{}, err
	}
	rollUp, err := b.sum(ctx, s)
	if err != nil {
		return segment.Segment{}, err
	}
	return b.copy(ctx, s, rollUp)
}

// copy copies a segment, so that readers of the old one keep its files, and gives the
// copy a roll-up and events by user, and its columns ids.
func (b *Builder) copy(ctx context.Context, s segment.Segment, rollUp []byte) (segment.Segment, error) {
	from, size := filepath.Join(b.dir, s.Path), s.Bytes
	ids, err := b.identify(ctx, &s)
	if err != nil {
		return segment.Segment{}, err
	}
	return b.place(ctx, s, func() ([]byte, error) { return rollUp, nil }, func(tmp string) (err error) {
		in, err := os.Open(from)
		if err != nil {
			return fmt.Errorf("copying a segment: %w", err)
		}
		defer in.Close()
		out, err := os.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("copying a segment: %w", err)
		}
		if ids != nil {
			err = pages.Identify(in, size, out, ids)
		} else {
			_, err = io.Copy(out, in)
		}
		if errors.Is(err, pages.ErrDamaged) {
			err = fmt.Errorf("%w: %s: %w", segment.ErrQuarantined, s.Path, err)
		}
		if err = errors.Join(err, out.Close()); err != nil {
			return fmt.Errorf("copying a segment: %w", err)
		}
		return nil
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
	release, err := b.hold(ctx, s)
	if err != nil {
		return err
	}
	defer release()
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
	release, err := b.hold(ctx, s)
	if err != nil {
		return err
	}
	defer release()
	if err := b.verify(ctx, s); err != nil {
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
