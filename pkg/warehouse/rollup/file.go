package rollup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"unsafe"

	"github.com/RoaringBitmap/roaring/v2"
)

// File is the roll-up of one segment. It does not change: any number of
// scans may use it at the same time.
type File struct {
	Project int64
	Events  uint64

	types   []string
	entries []entry // by day, then all before the types
	days    []ref   // in order
	users   []byte
	maxKey  uint32

	// counted says that there are properties.
	counted    bool
	names      []string     // of properties
	properties []byte       // of all days
	sections   []daySection // by day

	quartersAt int64 // in the file
	cutsAt     int64
	size       int64
	source     Source
}

// Source is where the file is; it is opened whenever quarters are needed.
type Source interface {
	Open() (ReadAtCloser, error)
}

// ReadAtCloser is an open file.
type ReadAtCloser interface {
	io.ReaderAt
	io.Closer
}

// Read reads the part of a roll-up of size bytes that stays in memory. The error
// is ErrFormat when it is none. It does not check hashes: do that before.
func Read(source Source, size int64) (_ *File, err error) {
	r, err := source.Open()
	if err != nil {
		return nil, fmt.Errorf("opening a roll-up: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	f := &File{source: source, size: size}
	index, err := f.readSections(r)
	if err != nil {
		return nil, err
	}
	return f, f.decode(index)
}

// readSections reads what stays in memory, and returns the index.
func (f *File) readSections(r io.ReaderAt) (index []byte, err error) {
	header := make([]byte, headerSize)
	if _, err := r.ReadAt(header[:len(magic)], 0); err != nil {
		return nil, fmt.Errorf("%w: reading how it begins: %w", ErrFormat, err)
	}
	switch string(header[:len(magic)]) {
	case magic:
		f.counted = true
	case firstMagic:
		header = header[:firstHeaderSize]
	default:
		return nil, fmt.Errorf("%w: it begins with %q", ErrFormat, header[:len(magic)])
	}
	if _, err := r.ReadAt(header, 0); err != nil {
		return nil, fmt.Errorf("%w: reading its header: %w", ErrFormat, err)
	}
	var numbers [headerSize/8 - 1]uint64 // the project, and the lengths of sections
	for i := range len(header)/8 - 1 {
		numbers[i] = binary.LittleEndian.Uint64(header[8*(i+1):])
	}
	f.Project = int64(numbers[0])
	at := uint64(len(header))
	sections := []*[]byte{&index, &f.users, &f.properties}
	for i, section := range sections {
		length := numbers[i+1]
		if length > uint64(f.size) || at+length > uint64(f.size) {
			return nil, fmt.Errorf("%w: a section of %d bytes in %d", ErrFormat, length, f.size)
		}
		if *section, err = readAt(r, int64(at), length); err != nil {
			return nil, err
		}
		at += length
	}
	f.quartersAt = int64(at)
	return index, nil
}

func readAt(r io.ReaderAt, at int64, length uint64) ([]byte, error) {
	data := make([]byte, length)
	if _, err := r.ReadAt(data, at); err != nil && length > 0 {
		return nil, fmt.Errorf("%w: reading %d bytes at %d: %w", ErrFormat, length, at, err)
	}
	return data, nil
}

// readAt opens the file and reads a part of it.
func (f *File) readAt(at int64, length uint64) (data []byte, err error) {
	if length == 0 {
		return nil, nil
	}
	r, err := f.source.Open()
	if err != nil {
		return nil, fmt.Errorf("opening a roll-up: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return readAt(r, at, length)
}

// CountsProperties says whether the file is of a version that does: others are to be
// made again.
func (f *File) CountsProperties() bool { return f.counted }

// PropertyNames are the keys that the file's events have, in no order; nil when the file
// is of a version that does not know.
func (f *File) PropertyNames() []string {
	if !f.counted {
		return nil
	}
	return append([]string{}, f.names...)
}

// Memory returns about how many bytes the file takes.
func (f *File) Memory() int64 {
	n := int64(len(f.users)) + int64(len(f.entries))*int64(unsafe.Sizeof(entry{})) + int64(len(f.days))*int64(unsafe.Sizeof(ref{}))
	n += int64(len(f.properties)) + int64(len(f.sections))*int64(unsafe.Sizeof(daySection{}))
	for _, names := range [][]string{f.types, f.names} {
		for _, name := range names {
			n += int64(len(name)) + int64(unsafe.Sizeof(name))
		}
	}
	return n
}

// Users returns one more than the highest user key.
func (f *File) Users() uint64 { return uint64(f.maxKey) + 1 }

// decoder reads varints; bad is set when there are not enough, or too large.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 || v > most {
		d.bad = true
		d.rest = nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.bad = true
		d.rest = nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// bytes reads a number of bytes, and these.
func (d *decoder) bytes() []byte {
	n := d.uvarint(uint64(len(d.rest)))
	if d.bad || n > uint64(len(d.rest)) {
		d.bad = true
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

// texts reads a number of texts, and these.
func (d *decoder) texts() []string {
	texts := make([]string, d.uvarint(uint64(len(d.rest))))
	for i := range texts {
		texts[i] = string(d.bytes())
	}
	return texts
}

func (f *File) decode(index []byte) error {
	d := decoder{rest: index}
	f.maxKey = uint32(d.uvarint(math.MaxUint32))
	f.types = d.texts()
	if f.counted {
		f.names = d.texts()
	}
	f.entries = make([]entry, d.uvarint(uint64(len(index))))
	day, quartersAt := int64(0), uint64(0)
	var section daySection
	for i := range f.entries {
		day += d.varint()
		x := entry{day: int32(day), eventType: uint32(d.uvarint(uint64(len(f.types)))), events: d.uvarint(math.MaxInt64)}
		x.users = uint32(d.uvarint(math.MaxUint32))
		x.first = int64(d.uvarint(dayMicros)) + day*dayMicros
		x.last = int64(d.uvarint(dayMicros)) + x.first
		x.usersAt = d.uvarint(uint64(len(f.users)))
		x.usersLen = uint32(d.uvarint(uint64(len(f.users)) - x.usersAt))
		if x.quartersAt = quartersAt; f.counted && x.eventType == 0 {
			section = section.next(&d)
			f.sections = append(f.sections, section)
		} else {
			x.quartersLen = uint32(d.uvarint(math.MaxUint32))
		}
		if quartersAt += uint64(x.quartersLen); quartersAt > uint64(f.size) {
			d.bad = true
		}
		if x.eventType == 0 {
			f.Events += x.events
		}
		if day != int64(x.day) || i > 0 && f.entries[i-1].day > x.day || (i == 0 || f.entries[i-1].day < x.day) != (x.eventType == 0) {
			d.bad = true
		}
		f.entries[i] = x
	}
	f.cutsAt = f.quartersAt + int64(quartersAt)
	end := section.next(&decoder{})
	if d.bad || len(d.rest) > 0 || end.memoryAt > uint64(len(f.properties)) || end.cutsAt > uint64(f.size) {
		return fmt.Errorf("%w: its index is damaged", ErrFormat)
	}
	if err := f.validate(); err != nil {
		return err
	}
	for from := 0; from < len(f.entries); {
		to := from + 1
		for to < len(f.entries) && f.entries[to].day == f.entries[from].day {
			to++
		}
		if to == from+1 {
			return fmt.Errorf("%w: day %d has events of no type", ErrFormat, f.entries[from].day)
		}
		f.days = append(f.days, ref{f, len(f.days), from, to})
		from = to
	}
	return nil
}

// validate looks at all bitmaps: package roaring panics on some that are damaged.
func (f *File) validate() error {
	for i := range f.entries {
		users, err := f.bitmap(&f.entries[i])
		if err != nil {
			return err
		}
		if err := users.Validate(); err != nil && f.entries[i].users > 0 {
			return fmt.Errorf("%w: the users of day %d: %w", ErrFormat, f.entries[i].day, err)
		}
	}
	return nil
}

// bitmap returns the users of an entry; it must not be changed.
func (f *File) bitmap(x *entry) (*roaring.Bitmap, error) {
	users := roaring.New()
	if _, err := users.FromBuffer(f.users[x.usersAt : x.usersAt+uint64(x.usersLen)]); err != nil {
		return nil, fmt.Errorf("%w: the users of day %d: %w", ErrFormat, x.day, err)
	}
	return users, nil
}

// ref is a day of a file: its entry for all types, then those of the types.
type ref struct {
	file     *File
	n        int // which
	from, to int // of its entries
}

func (r ref) all() *entry    { return &r.file.entries[r.from] }
func (r ref) types() []entry { return r.file.entries[r.from+1 : r.to] }

// block has the quarters of a day of a file.
type block struct {
	at    uint64
	bytes []byte
}

// quarters reads the quarters of all types of a day.
func (r ref) quarters() (block, error) { return r.file.read(r.types()) }

// read reads the quarters of entries that follow each other.
func (f *File) read(entries []entry) (b block, err error) {
	if len(entries) == 0 {
		return b, nil
	}
	last := entries[len(entries)-1]
	b.at = entries[0].quartersAt
	b.bytes, err = f.readAt(f.quartersAt+int64(b.at), last.quartersAt+uint64(last.quartersLen)-b.at)
	return b, err
}

// quarterUsers is one quarter of an hour of an entry.
type quarterUsers struct {
	quarter uint8 // of the day
	events  uint64
	users   uint64
	keys    []byte
}

// each calls f for the quarters [from, to) of the day in an entry.
func (b block) each(x entry, from, to int, f func(quarterUsers) error) error {
	at := x.quartersAt - b.at
	d := decoder{rest: b.bytes[at : at+uint64(x.quartersLen)]}
	n := d.uvarint(quartersOfDay)
	directory := d
	if n == 0 {
		return damagedQuarters(x)
	}
	for range 4 * n { // the keys begin behind it
		d.uvarint(math.MaxInt64)
	}
	if d.bad {
		return damagedQuarters(x)
	}
	keys := d.rest
	for range n {
		q := quarterUsers{quarter: uint8(directory.uvarint(quartersOfDay - 1)), events: directory.uvarint(math.MaxInt64), users: directory.uvarint(math.MaxUint32)}
		size := directory.uvarint(uint64(len(keys)))
		if directory.bad || q.users == 0 || q.users > q.events {
			return damagedQuarters(x)
		}
		q.keys, keys = keys[:size], keys[size:]
		if int(q.quarter) < from || int(q.quarter) >= to {
			continue
		}
		if err := f(q); err != nil {
			return err
		}
	}
	return nil
}

func damagedQuarters(x entry) error {
	return fmt.Errorf("%w: the quarters of day %d are damaged", ErrFormat, x.day)
}

var errKeys = fmt.Errorf("%w: the users of a quarter are damaged", ErrFormat)

// appendTo appends a pair of the quarter of the day and the user for each user.
func (q quarterUsers) appendTo(pairs []uint64) ([]uint64, error) {
	key, rest := uint64(0), q.keys
	for range q.users {
		difference, n := binary.Uvarint(rest)
		if key += difference; n <= 0 || key > math.MaxUint32 {
			return pairs, errKeys
		}
		pairs = append(pairs, uint64(q.quarter)<<32|key)
		rest = rest[n:]
	}
	return pairs, nil
}

// mark sets the bit of each user. It is most of the work where days are cut off
// UTC: differences of up to three bytes are decoded in place.
func (q quarterUsers) mark(set []uint64) error {
	key, keys := uint64(0), q.keys
	for len(keys) > 0 {
		var n int
		switch {
		case keys[0] < 0x80:
			key += uint64(keys[0])
			n = 1
		case len(keys) > 1 && keys[1] < 0x80:
			key += uint64(keys[0])&0x7f | uint64(keys[1])<<7
			n = 2
		case len(keys) > 2 && keys[2] < 0x80:
			key += uint64(keys[0])&0x7f | uint64(keys[1])&0x7f<<7 | uint64(keys[2])<<14
			n = 3
		default:
			difference, size := binary.Uvarint(keys)
			if size <= 0 {
				return errKeys
			}
			key += difference
			n = size
		}
		keys = keys[n:]
		word := key >> 6
		if word >= uint64(len(set)) {
			return errKeys
		}
		set[word] |= 1 << (key & 63)
	}
	return nil
}
