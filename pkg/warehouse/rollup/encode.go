package rollup

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// bucket gathers one day of one event type.
type bucket struct {
	// pairs are quarter of the day<<32 | user key. Each stands for an event.
	pairs []uint64
	// extra are events whose pair is in pairs for another event already.
	extra       []quarterCount
	first, last int64
	// shapes are those of events that have properties, each<<8 | quarter of the day; or
	// sources have their properties.
	shapes  []uint64
	sources []source
}

type quarterCount struct {
	quarter uint8
	events  uint64
}

// encoder writes days in order.
type encoder struct {
	types    map[string]uint32 // 1 + index
	names    []string
	entries  []entry
	users    bytes.Buffer
	quarters bytes.Buffer
	maxKey   uint32
	events   uint64

	properties table
	memory     bytes.Buffer // of properties
	cuts       bytes.Buffer
	sections   []daySection

	tally   tally
	scratch []uint32
	stream  []byte
}

// day writes the buckets of a day, by type. count adds the properties of one to the
// tally, with their numbers in properties.
func (e *encoder) day(day int32, buckets map[string]*bucket, properties []string, count func(*bucket) error) error {
	names := make([]string, 0, len(buckets))
	for name := range buckets {
		names = append(names, name)
	}
	slices.Sort(names)

	whole := entry{day: day, first: buckets[names[0]].first, last: buckets[names[0]].last}
	at := len(e.entries)
	e.entries = append(e.entries, entry{})
	section := daySection{memoryAt: uint64(e.memory.Len()), cutsAt: uint64(e.cuts.Len())}
	everyone := roaring.New()
	for _, name := range names {
		b := buckets[name]
		slices.Sort(b.pairs)
		one := entry{day: day, eventType: e.typeOf(name), first: b.first, last: b.last}
		e.writeQuarters(&one, b)
		e.tally.reset()
		if err := count(b); err != nil {
			return err
		}
		e.writeProperties(one, properties)
		users := e.distinct(b.pairs)
		one.users = uint32(users.GetCardinality())
		whole.events += one.events
		whole.first, whole.last = min(whole.first, one.first), max(whole.last, one.last)
		if len(names) == 1 { // the bitmap of all is that of the type
			everyone = users
		} else {
			everyone.Or(users)
			if err := e.writeUsers(&one, users); err != nil {
				return err
			}
		}
		e.entries = append(e.entries, one)
	}
	whole.users = uint32(everyone.GetCardinality())
	if err := e.writeUsers(&whole, everyone); err != nil {
		return err
	}
	e.entries[at] = whole
	if len(names) == 1 {
		one := &e.entries[at+1]
		one.usersAt, one.usersLen = whole.usersAt, whole.usersLen
	}
	section.memoryLen, section.cutsLen = uint64(e.memory.Len())-section.memoryAt, uint64(e.cuts.Len())-section.cutsAt
	e.sections = append(e.sections, section)
	e.maxKey = max(e.maxKey, everyone.Maximum())
	e.events += whole.events
	return nil
}

func (e *encoder) typeOf(name string) uint32 {
	id, ok := e.types[name]
	if !ok {
		if e.types == nil {
			e.types = map[string]uint32{}
		}
		e.names = append(e.names, name)
		id = uint32(len(e.names))
		e.types[name] = id
	}
	return id
}

// distinct returns the users in pairs.
func (e *encoder) distinct(pairs []uint64) *roaring.Bitmap {
	e.scratch = e.scratch[:0]
	for _, p := range pairs {
		e.scratch = append(e.scratch, uint32(p))
	}
	slices.Sort(e.scratch)
	users := roaring.New()
	users.AddMany(e.scratch)
	return users
}

func (e *encoder) writeUsers(to *entry, users *roaring.Bitmap) error {
	users.RunOptimize()
	to.usersAt = uint64(e.users.Len())
	n, err := users.WriteTo(&e.users)
	if err != nil {
		return fmt.Errorf("writing users: %w", err)
	}
	to.usersLen = uint32(n)
	return nil
}

// writeQuarters writes, for each quarter with events: its number in the day, the
// events, the users, and the bytes of their keys; then all keys, as differences
// from the one before in the same quarter.
func (e *encoder) writeQuarters(to *entry, b *bucket) {
	var extra [quartersOfDay]uint64
	for _, x := range b.extra {
		extra[x.quarter] += x.events
	}
	var directory []byte
	e.stream = e.stream[:0]
	quarters := 0
	for from := 0; from < len(b.pairs); quarters++ {
		quarter := b.pairs[from] >> 32
		begin, users, key := len(e.stream), uint64(0), uint64(0)
		to := from
		for ; to < len(b.pairs) && b.pairs[to]>>32 == quarter; to++ {
			if to > from && b.pairs[to] == b.pairs[to-1] {
				continue
			}
			next := b.pairs[to] & 0xffffffff
			e.stream = binary.AppendUvarint(e.stream, next-key)
			key = next
			users++
		}
		events := uint64(to-from) + extra[quarter]
		directory = binary.AppendUvarint(directory, quarter)
		directory = binary.AppendUvarint(directory, events)
		directory = binary.AppendUvarint(directory, users)
		directory = binary.AppendUvarint(directory, uint64(len(e.stream)-begin))
		from = to
	}
	to.quartersAt = uint64(e.quarters.Len())
	e.quarters.Write(binary.AppendUvarint(nil, uint64(quarters)))
	e.quarters.Write(directory)
	e.quarters.Write(e.stream)
	to.quartersLen = uint32(uint64(e.quarters.Len()) - to.quartersAt)
	to.events = uint64(len(b.pairs))
	for _, x := range extra {
		to.events += x
	}
}

// entryBytes is about what an entry takes in the index, at most 70.
const entryBytes = 24

// bytes returns the whole file. The index may be most of it: it is written in place,
// and its length afterwards.
func (e *encoder) bytes(project int64) []byte {
	size := headerSize + 3*binary.MaxVarintLen64 + len(e.entries)*entryBytes + e.users.Len() + e.memory.Len() + e.quarters.Len() + e.cuts.Len()
	for _, name := range slices.Concat(e.names, e.properties.names) {
		size += len(name) + binary.MaxVarintLen16
	}
	file := make([]byte, headerSize, size)
	index := binary.AppendUvarint(file, uint64(e.maxKey))
	for _, names := range [][]string{e.names, e.properties.names} {
		index = binary.AppendUvarint(index, uint64(len(names)))
		for _, name := range names {
			index = binary.AppendUvarint(index, uint64(len(name)))
			index = append(index, name...)
		}
	}
	index = binary.AppendUvarint(index, uint64(len(e.entries)))
	day, sections := int32(0), e.sections
	for _, x := range e.entries {
		index = binary.AppendVarint(index, int64(x.day-day))
		index = binary.AppendUvarint(index, uint64(x.eventType))
		index = binary.AppendUvarint(index, x.events)
		index = binary.AppendUvarint(index, uint64(x.users))
		index = binary.AppendUvarint(index, uint64(x.first-int64(x.day)*dayMicros))
		index = binary.AppendUvarint(index, uint64(x.last-x.first))
		index = binary.AppendUvarint(index, x.usersAt)
		index = binary.AppendUvarint(index, uint64(x.usersLen))
		if x.eventType == 0 {
			index = binary.AppendUvarint(index, sections[0].memoryLen)
			index = binary.AppendUvarint(index, sections[0].cutsLen)
			sections = sections[1:]
		} else {
			index = binary.AppendUvarint(index, uint64(x.quartersLen))
		}
		day = x.day
	}
	file = index
	header := append(file[:0], magic...)
	header = binary.LittleEndian.AppendUint64(header, uint64(project))
	header = binary.LittleEndian.AppendUint64(header, uint64(len(file)-headerSize))
	header = binary.LittleEndian.AppendUint64(header, uint64(e.users.Len()))
	binary.LittleEndian.AppendUint64(header, uint64(e.memory.Len()))
	file = append(file, e.users.Bytes()...)
	file = append(file, e.memory.Bytes()...)
	file = append(file, e.quarters.Bytes()...)
	return append(file, e.cuts.Bytes()...)
}
