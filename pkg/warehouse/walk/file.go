package walk

import (
	"encoding/binary"
	"runtime"
	"slices"
	"sync/atomic"

	"github.com/google/uuid"
)

// File is the events of one segment by user. It does not change: any number of walks may
// use it at the same time.
//
// Its bytes may be those of a file that is mapped into memory. A read of them fails when
// the disk does, or when someone cuts the file short, and gives anything when someone writes
// to it: View.Guard makes an error of that, which would otherwise end the process. Walk
// guards its visitors; callers of other methods need a Guard where they say so.
type File struct {
	// IDs returns the event_id of rows of the Parquet file, which are ascending. Whoever
	// opens the file sets it before the first walk: only events of several files that are
	// of one user, time and type need it.
	IDs func(rows []uint32) ([]uuid.UUID, error)
	// Changed says whether the bytes were written to since they were checked; nil for bytes
	// that nobody else has. Whoever opens the file sets it.
	Changed func() bool

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
	rows   packed // less their bases
	base   base
	bases  []byte
	marks  []marks

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
	row := f.rows.at(int(at))
	if f.base != ofFile {
		us := f.first + int64(f.times.at(int(at)))*f.unit
		group := f.base.group(us, uint32(f.types.at(int(at))), f.first, len(f.typeNames))
		if at := 4 * group; at >= 0 && at < len(f.bases) { // unless the file is damaged
			row += uint64(binary.LittleEndian.Uint32(f.bases[at:]))
		}
	}
	row = min(row, uint64(f.events-1)) // in case it is
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
