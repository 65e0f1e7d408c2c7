package walk

import (
	"encoding/binary"
	"runtime"
	"slices"
	"sync/atomic"

	"github.com/google/uuid"

	"eventanalytics/pkg/property"
)

// File is the events of one segment by user. It does not change: any number of walks may
// use it at the same time.
//
// Its bytes may be those of a file that is mapped into memory. A read of them fails when
// the disk does, or when someone cuts the file short: Guard makes an error of that, which
// would otherwise end the process. Walk guards its visitors; callers of other methods need
// Guard where they say so.
type File struct {
	// IDs returns the event_id of rows of the Parquet file, which are ascending. Whoever
	// opens the file sets it before the first walk: only events of several files that are
	// of one user, time and type need it.
	IDs func(rows []uint32) ([]uuid.UUID, error)

	project     int64
	events      int
	users       int
	highest     uint32 // key
	first, last int64  // occurred_at
	unit        int64
	typeNames   []string
	names       []string // of all properties, sorted
	namesKnown  bool
	columns     map[string]*Column

	keys   []uint32 // of the first users of blocks
	blocks []byte
	stream []byte // of users
	times  packed
	types  packed
	rows   packed

	data  []byte // all of it
	known atomic.Pointer[identities]
}

// Project is whose events they are.
func (f *File) Project() int64 { return f.project }

// Events is how many there are.
func (f *File) Events() int { return f.events }

// Period is that of the events.
func (f *File) Period() Period { return Period{f.first, f.last + 1} }

// Row is the number of an event's row in the segment's Parquet file, from 0. It needs a
// Guard outside a walk.
func (f *File) Row(at uint32) uint32 {
	row := min(f.rows.at(int(at)), uint64(f.events-1)) // in case the file is damaged
	runtime.KeepAlive(f)
	return uint32(row)
}

// Column returns the values that the events of the file have under a key of their
// properties. known is false when some may have it and the file does not say what.
func (f *File) Column(key string) (c Column, known bool) {
	if c := f.columns[key]; c != nil {
		return *c, true
	}
	if !f.namesKnown {
		return Column{}, false
	}
	if _, some := slices.BinarySearch(f.names, key); some {
		return Column{}, false
	}
	return Column{}, true
}

// Column is the values of a property by code. Two codes may have values of the same text,
// such as 10 and 10.0.
type Column struct {
	file   *File // nil when no event has a value
	codes  packed
	ends   []byte // of the values in json, 4 bytes each
	json   []byte
	values int // beside none
}

// Len is the number of codes. Code 0 is that of events without the property.
func (c Column) Len() int { return c.values + 1 }

// Value is what a code stands for: as if it was read from the events' JSON. It needs a
// Guard.
func (c Column) Value(code uint32) property.Value {
	if code == 0 || int(code) > c.values {
		return property.Value{}
	}
	from := uint32(0)
	if code > 1 {
		from = binary.LittleEndian.Uint32(c.ends[4*(code-2):])
	}
	value := string(c.json[from:binary.LittleEndian.Uint32(c.ends[4*(code-1):])])
	runtime.KeepAlive(c.file)
	return property.Find(value, nil)
}

// Code is the code of an event. It needs a Guard outside a walk.
func (c Column) Code(at uint32) uint32 {
	if c.file == nil {
		return 0
	}
	code := uint32(c.codes.at(int(at)))
	runtime.KeepAlive(c.file)
	if int(code) > c.values { // the file is damaged
		return 0
	}
	return code
}
