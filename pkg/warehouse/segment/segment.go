// Package segment has the files of the warehouse: their names, how they are
// written so that they survive a crash, how they are verified, and how they are
// deleted. It knows neither DuckDB nor Postgres.
package segment

import (
	"time"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/warehouse/cache"
)

// Segment is one immutable Parquet file: events of one project, sorted by day
// (UTC), event type, user and time. Beside it are two files that are made of it: the
// roll-up of these events, and the events by user.
type Segment struct {
	ID        int64 // in the manifest; 0 before it is listed
	ProjectID int64
	Path      string // below the warehouse folder
	Events    int64
	Bytes     int64
	SHA256    [32]byte
	// RawBytes is what the events take in memory, as RawBytesOf says. It is 0 in
	// segments of versions before it was noted, until it is measured.
	RawBytes int64
	// First and last occurred_at in the file, both inclusive.
	MinAt, MaxAt time.Time
	Level        int   // how often its events were compacted
	Epoch        int64 // of the lease under which it was written
	// RollUp is the file at RollUpPath. It is nil in segments of versions before
	// there were any, whose events have no user_key either.
	RollUp *Companion
	// Users is the file at UsersPath, which package walk reads. It is nil in segments of
	// versions before there were any.
	Users *Companion
	// Shredded are the properties that have a column of their own, as kind:key;
	// it is sorted.
	Shredded []string
	// FieldIDs says that the columns of the Parquet file have their ids. They have none in
	// segments of versions before there were any.
	FieldIDs bool
}

// Companion says what a file beside a segment's Parquet file must be.
type Companion struct {
	Bytes  int64
	SHA256 [32]byte
}

// File is one of a segment's files, as the manifest has it: below the warehouse folder.
type File = cache.File

// EventsFile is the segment's Parquet file.
func (s Segment) EventsFile() File { return File{Path: s.Path, Bytes: s.Bytes, SHA256: s.SHA256} }

// RollUpFile is the file of RollUp, which the segment must have.
func (s Segment) RollUpFile() File { return fileOf(s.RollUpPath(), *s.RollUp) }

// UsersFile is the file of Users, which the segment must have.
func (s Segment) UsersFile() File { return fileOf(s.UsersPath(), *s.Users) }

func fileOf(path string, c Companion) File { return File{Path: path, Bytes: c.Bytes, SHA256: c.SHA256} }

// Files are all that the segment has; that of the events is the first.
func (s Segment) Files() []File {
	files := []File{s.EventsFile()}
	if s.RollUp != nil {
		files = append(files, s.RollUpFile())
	}
	if s.Users != nil {
		files = append(files, s.UsersFile())
	}
	return files
}

// EventOverhead is what an event takes in memory beside its texts, in bytes: id, time,
// user key, and the headers of the texts.
const EventOverhead = 64

// RawBytesOf returns about how many bytes an event takes in memory: what a file of
// them compresses says nothing of that, a text that repeats itself takes a
// thousandth.
func RawBytesOf(e *event.Event) int64 {
	return EventOverhead + int64(len(e.UserID)+len(e.Type)+len(e.Properties))
}

// EventsOf returns how many events segments have.
func EventsOf(segments []Segment) (n int64) {
	for _, s := range segments {
		n += s.Events
	}
	return n
}
