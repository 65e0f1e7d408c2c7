// Package walk gives each user's events in their order, whatever segments they are in. It
// reads the files of events by user that are beside segments, and knows neither DuckDB
// nor Postgres.
//
// Build writes the file of a segment, Open maps it into memory, and a View walks over
// those of a project's live segments.
package walk

import (
	"errors"
	"math"
)

// ErrFormat is returned for a file that is none of events by user, or is damaged, also
// when that shows in the middle of a walk.
var ErrFormat = errors.New("not a file of events by user")

// ErrVersion is returned, with ErrFormat, for a file of a version that is no longer read.
var ErrVersion = errors.New("it is of an older version")

// ErrTooMany is returned when a user has more events in the period than a walk may hold
// in memory.
var ErrTooMany = errors.New("a user has too many events")

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

// AllTime is the period of all events.
var AllTime = Period{math.MinInt64, math.MaxInt64}

// DefaultMaxEvents is how many events of a user a walk holds unless AtMost says otherwise:
// 64 MiB of them.
const DefaultMaxEvents = 64 << 20 / eventBytes

// Option changes what a walk gives.
type Option func(*options)

type options struct {
	from, to  uint32 // users
	only      func(user uint32) bool
	types     []bool
	maxEvents int
	grow      func(bytes int) error
}

// optionsOf are the options with changes.
func optionsOf(change []Option) options {
	o := options{to: math.MaxUint32, maxEvents: DefaultMaxEvents}
	for _, option := range change {
		option(&o)
	}
	return o
}

// OfUsers leaves out all users but those with keys in [from, to).
func OfUsers(from, to uint32) Option {
	return func(o *options) { o.from, o.to = from, to }
}

// Only leaves out all users but those that has is true for. It is called in any goroutine. A
// walk over few users takes a fraction of one over all.
func Only(has func(user uint32) bool) Option {
	return func(o *options) { o.only = has }
}

// OfTypes leaves out all events but those of some types: wanted is by index in View.Types.
func OfTypes(wanted []bool) Option {
	return func(o *options) { o.types = wanted }
}

// AtMost makes a walk end with ErrTooMany at a user with more events than that.
func AtMost(events int) Option {
	return func(o *options) { o.maxEvents = events }
}

// Grow has memory counted that a walk takes for users with many events, and for the ids of
// events that differ in nothing else, before it takes it: grow is called with so many bytes
// more, in any goroutine. Its error ends the walk.
func Grow(grow func(bytes int) error) Option {
	return func(o *options) { o.grow = grow }
}
