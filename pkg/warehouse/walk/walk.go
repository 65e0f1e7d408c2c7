// Package walk gives each user's events in their order, whatever segments they are in. It
// reads the files of events by user that are beside segments, and knows neither DuckDB
// nor Postgres.
package walk

import (
	"context"
	"errors"

	"eventanalytics/pkg/property"
)

// ErrFormat is returned for a file that is none of events by user, or is damaged.
var ErrFormat = errors.New("not a file of events by user")

// Event is an event in a View.
type Event struct {
	Us   int64  // occurred_at, in microseconds since 1970 UTC
	Type uint32 // index in View.Types
	File uint32 // index in View.Files
	At   uint32 // where in the file: for Column.Code and File.Row
}

// User is a user with events.
type User struct {
	Key uint32 // user_key
	// Events are in the order of occurred_at, event_type and event_id.
	Events []Event
}

// Visitor is called with users, one at a time. It must not keep the User, nor its Events.
type Visitor func(*User) error

// Period is the time [From, To) in microseconds since 1970 UTC.
type Period struct{ From, To int64 }

// File is the events of one segment by user. It does not change: any number of walks may
// use it at the same time.
type File struct{}

// Row is the number of an event's row in the segment's Parquet file, from 0.
func (f *File) Row(at uint32) uint32 { panic("to be made") }

// Column returns the values that the events of the file have under a key of their
// properties. known is false when some have it and the file does not say what.
func (f *File) Column(key string) (c Column, known bool) { panic("to be made") }

// Column is the values of a property by code. There is none that two codes have.
type Column struct{}

// Len is the number of codes. Code 0 is that of events without the property.
func (c Column) Len() int { panic("to be made") }

// Value is what a code stands for.
func (c Column) Value(code uint32) property.Value { panic("to be made") }

// Code is the code of an event.
func (c Column) Code(at uint32) uint32 { panic("to be made") }

// View is the events of one project: of all its live segments together. It does not
// change: any number of walks may use it at the same time.
type View struct{}

// NewView makes the view of the files of a project.
func NewView(files []*File) *View { panic("to be made") }

// Files are those of the project's segments.
func (v *View) Files() []*File { panic("to be made") }

// Types are the event types of all files, by code points.
func (v *View) Types() []string { panic("to be made") }

// Users is one more than the highest user key.
func (v *View) Users() uint32 { panic("to be made") }

// Walk calls visitors with all users that have an event in a period, and with their
// events in it. It works in several goroutines at a time; each has a visitor of its own,
// that begin returns, and users by ascending keys. begin is called by one at a time.
func (v *View) Walk(ctx context.Context, p Period, begin func() Visitor) error {
	panic("to be made")
}
