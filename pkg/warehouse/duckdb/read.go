package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"eventanalytics/pkg/warehouse/segment"
)

// SegmentRows are some events of a segment.
type SegmentRows struct {
	Segment  segment.Segment
	Rows     []uint32
	From, To int64 // of their occurred_at, both inclusive, in microseconds since 1970 UTC
}

// readFiles is how many files a statement reads rows of: each is planned for itself.
const readFiles = 16

// ReadRows reads events by their rows, with their segment's index before them: the row,
// event_id as text, occurred_at in microseconds, user_id, event_type, and properties or
// the empty text. It runs as Run does.
func (db *DB) ReadRows(ctx context.Context, project int64, of []SegmentRows, scan func(*sql.Rows) error) error {
	for first := 0; first < len(of); first += readFiles {
		var reads []string
		var segments []segment.Segment
		for i, s := range of[first:min(first+readFiles, len(of))] {
			numbers := make([]string, len(s.Rows))
			for n, row := range s.Rows {
				numbers[n] = strconv.FormatUint(uint64(row), 10)
			}
			// The time tells DuckDB which parts of the file it need not look at.
			from, to := time.UnixMicro(s.From), time.UnixMicro(s.To+1)
			reads = append(reads, fmt.Sprintf("SELECT %d, file_row_number, event_id::VARCHAR, epoch_us(occurred_at), user_id, event_type, coalesce(properties, '') FROM %s WHERE %s AND file_row_number IN (%s)",
				first+i, readRows(db.dir, []segment.Segment{s.Segment}), bounds(from, to), strings.Join(numbers, ", ")))
			segments = append(segments, s.Segment)
		}
		values := db.newValues(project)
		if err := db.execute(ctx, project, segments, strings.Join(reads, " UNION ALL "), values, scan); err != nil {
			return err
		}
	}
	return nil
}
