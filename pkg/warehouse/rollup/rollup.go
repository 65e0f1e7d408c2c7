// Package rollup keeps what events add up to: for each day (UTC) and event type
// how many events there were, who their users are, which properties they have, and the same for each quarter
// of an hour. A roll-up serves the scans that need no more than that in a
// time that depends on the days and users asked for, not on the events there are.
//
// Each segment has its roll-up, made of the segment's events alone, in a file
// beside it. Users are sets of integer keys, so roll-ups add up exactly: numbers
// of events by sum, users by union. Nothing is ever corrected or taken back; a
// late event is one more roll-up with that day.
//
// A Builder or Merge makes the file, Open reads it, and a View answers over the
// roll-ups of a project's live segments.
package rollup

import (
	"errors"
	"time"

	"eventanalytics/pkg/calendar"
)

// ErrFormat is returned for bytes that are no roll-up.
var ErrFormat = errors.New("not a roll-up file")

// Quarter is a quarter of an hour: the number of them since 1970 UTC. Every
// offset from UTC in use today is a multiple of it.
type Quarter int64

const (
	// QuarterMicros is the length of a quarter in microseconds.
	QuarterMicros = 15 * 60 * 1_000_000
	quartersOfDay = 96
	dayMicros     = quartersOfDay * QuarterMicros
)

// QuarterAt returns the quarter that begins at an instant in microseconds since
// 1970 UTC; ok is false when none does.
func QuarterAt(us int64) (q Quarter, ok bool) {
	return Quarter(calendar.FloorDiv(us, QuarterMicros)), us%QuarterMicros == 0
}

// DayOf returns the day (UTC) of an instant, counted since 1970-01-01.
func DayOf(at time.Time) int32 { return int32(calendar.FloorDiv(at.UnixMicro(), dayMicros)) }

// entry is one day of one event type, or of all, in a file.
type entry struct {
	day         int32  // since 1970-01-01
	eventType   uint32 // 0: all; otherwise 1 + the index in the file's types
	users       uint32 // how many
	usersLen    uint32 // bytes of their bitmap
	events      uint64
	first, last int64  // occurred_at, microseconds since 1970 UTC
	usersAt     uint64 // in the section of the bitmaps
	quartersAt  uint64 // in the section of the quarters
	quartersLen uint32 // 0 for all
}

// A file is this header, the index (types, names of properties, entries), the users'
// bitmaps, the properties by day, and of the quarters the users and the properties. The
// index, the bitmaps and the properties by day stay in memory; quarters are read when a
// scan cuts a day.
const (
	magic      = "EAROLL02"
	headerSize = len(magic) + 4*8 // project, lengths of the index, of the bitmaps, of the properties by day
)

// Files of the first version have no properties.
const (
	firstMagic      = "EAROLL01"
	firstHeaderSize = len(firstMagic) + 3*8
)
