package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"eventanalytics/pkg/warehouse/pages"
	"eventanalytics/pkg/warehouse/segment"
)

// SegmentRows are some events of a segment.
type SegmentRows struct {
	Segment  segment.Segment
	Rows     []uint32 // ascending
	From, To int64    // of their occurred_at, both inclusive, in microseconds since 1970 UTC
}

// ReadRows calls each with events, by their rows, and with the index of their segment: with
// what is asked for of them at least. It runs as Run does.
func (db *DB) ReadRows(ctx context.Context, project int64, of []SegmentRows, what pages.Columns, each func(segment int, row uint32, e pages.Event) error) error {
	var segments []segment.Segment
	for _, s := range of {
		segments = append(segments, s.Segment)
	}
	release, err := db.hold(ctx, project, segments)
	if err != nil {
		return err
	}
	defer release()
	var whole []int
	err = db.Do(ctx, project, func(ctx context.Context) error {
		for i, s := range of {
			err := db.files.ReadEvents(ctx, s.Segment, s.Rows, what, func(row uint32, e pages.Event) error { return each(i, row, e) })
			if errors.Is(err, pages.ErrWhole) {
				whole = append(whole, i)
				continue
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return db.readWhole(ctx, project, of, whole, each)
}

// readFiles is how many files a statement reads rows of: each is planned for itself.
const readFiles = 16

// readWhole reads events of files that are not in small pages.
func (db *DB) readWhole(ctx context.Context, project int64, of []SegmentRows, whole []int, each func(segment int, row uint32, e pages.Event) error) error {
	for ; len(whole) > 0; whole = whole[min(readFiles, len(whole)):] {
		var reads []string
		var segments []segment.Segment
		for _, i := range whole[:min(readFiles, len(whole))] {
			s := of[i]
			numbers := make([]string, len(s.Rows))
			for n, row := range s.Rows {
				numbers[n] = strconv.FormatUint(uint64(row), 10)
			}
			// The time tells DuckDB which parts of the file it need not look at.
			from, to := time.UnixMicro(s.From), time.UnixMicro(s.To+1)
			reads = append(reads, fmt.Sprintf("SELECT %d, file_row_number, event_id::VARCHAR, epoch_us(occurred_at), user_id, event_type, coalesce(properties, '') FROM %s WHERE %s AND file_row_number IN (%s)",
				i, readRows(db.dir, []segment.Segment{s.Segment}), bounds(from, to), strings.Join(numbers, ", ")))
			segments = append(segments, s.Segment)
		}
		values := db.newValues(project)
		err := db.execute(ctx, project, segments, strings.Join(reads, " UNION ALL "), values, func(r *sql.Rows) error {
			var i int
			var row uint32
			var e pages.Event
			if err := r.Scan(&i, &row, &e.ID, &e.Us, &e.UserID, &e.Type, &e.Properties); err != nil {
				return fmt.Errorf("reading an event: %w", err)
			}
			return each(i, row, e)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// FindRow returns the index of the segment that the event with an id is in, and its row.
// It runs as Run does.
func (db *DB) FindRow(ctx context.Context, project int64, segments []segment.Segment, id uuid.UUID) (at int, row uint32, found bool, err error) {
	var whole []int
	err = db.Do(ctx, project, func(ctx context.Context) error {
		for i, s := range segments {
			if err := ctx.Err(); err != nil {
				return err // each file is hashed when it is first needed
			}
			r, ok, err := db.files.FindEvent(ctx, s, id)
			switch {
			case errors.Is(err, pages.ErrWhole):
				whole = append(whole, i)
			case err != nil:
				return err
			case ok:
				at, row, found = i, r, true
				return nil
			}
		}
		return nil
	})
	if err != nil || found || len(whole) == 0 {
		return at, row, found, err
	}
	// A constant, by which DuckDB skips parts of files where ids rise with time.
	q := RowQuery{Project: project, Where: func(Columns) string { return "event_id = '" + id.String() + "'::UUID" }}
	for _, i := range whole {
		q.Segments = append(q.Segments, segments[i])
	}
	rows, err := db.Rows(ctx, q)
	if err != nil {
		return 0, 0, false, err
	}
	for i, of := range rows {
		if !of.IsEmpty() {
			return whole[i], of.Minimum(), true, nil
		}
	}
	return 0, 0, false, nil
}
