// Package warehouse keeps events in immutable Parquet files, called segments,
// and answers SQL over them with DuckDB. It is the only importer of DuckDB.
//
// The worker writes segments with a Builder and lists them in the manifest, a
// table in Postgres; stats replicas follow the manifest with a Reader.
package warehouse

import (
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Segment is one immutable Parquet file: events of one project, sorted by day
// (UTC), event type, user and time; and the roll-up of these events in a file
// beside it.
type Segment struct {
	ID        int64 // in the manifest; 0 before it is listed
	ProjectID int64
	Path      string // below the warehouse folder
	Events    int64
	Bytes     int64
	SHA256    [32]byte
	// First and last occurred_at in the file, both inclusive.
	MinAt, MaxAt time.Time
	Level        int   // how often its events were compacted
	Epoch        int64 // of the lease under which it was written
	// RollUp is the file at RollUpPath. It is nil in segments of versions before
	// there were any, whose events have no user_key either.
	RollUp *RollUpFile
	// Shredded are the properties that have a column of their own, as kind:key;
	// it is sorted.
	Shredded []string
}

// RollUpFile says what a roll-up's file must be.
type RollUpFile struct {
	Bytes  int64
	SHA256 [32]byte
}

// RollUpPath returns where the segment's roll-up is, below the warehouse folder.
func (s Segment) RollUpPath() string { return strings.TrimSuffix(s.Path, ".parquet") + ".rollup" }

// SegmentColumns are the columns of analytics.segments that ScanSegment reads.
const SegmentColumns = "id, project_id, path, events, bytes, sha256, min_at, max_at, level, epoch, rollup_bytes, rollup_sha256, shredded"

// ScanSegment reads a segment from a row of SegmentColumns.
func ScanSegment(row pgx.CollectableRow) (Segment, error) {
	var s Segment
	var sum, rollUpSum []byte
	var rollUpBytes *int64
	err := row.Scan(&s.ID, &s.ProjectID, &s.Path, &s.Events, &s.Bytes, &sum, &s.MinAt, &s.MaxAt, &s.Level, &s.Epoch,
		&rollUpBytes, &rollUpSum, &s.Shredded)
	copy(s.SHA256[:], sum)
	s.MinAt, s.MaxAt = s.MinAt.UTC(), s.MaxAt.UTC()
	if rollUpBytes != nil {
		s.RollUp = &RollUpFile{Bytes: *rollUpBytes}
		copy(s.RollUp.SHA256[:], rollUpSum)
	}
	return s, err
}
