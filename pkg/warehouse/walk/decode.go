package walk

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Read returns the file that data are. The error is ErrFormat when they are none: nothing
// that the File does later can panic then, unless data change, which View.Guard is for. It
// does not check hashes: do that before.
func Read(data []byte) (*File, error) {
	f := &File{data: data, columns: map[string]*Column{}}
	if bytes.HasPrefix(data, []byte(firstMagic)) {
		return nil, fmt.Errorf("%w: %w", ErrFormat, ErrVersion)
	}
	if len(data) < headerSize || string(data[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w: it begins with %q", ErrFormat, data[:min(len(data), len(magic))])
	}
	length := binary.LittleEndian.Uint64(data[len(magic):])
	if length > uint64(len(data)-headerSize) {
		return nil, fmt.Errorf("%w: an index of %d bytes in %d", ErrFormat, length, len(data))
	}
	d := decoder{rest: data[headerSize : headerSize+int(length)]}
	lengths := f.readIndex(&d)
	if d.bad || len(d.rest) > 0 {
		return nil, fmt.Errorf("%w: its index is damaged", ErrFormat)
	}
	if !f.cut(data[headerSize+int(length):], lengths) {
		return nil, fmt.Errorf("%w: its sections are not of %d bytes", ErrFormat, len(data))
	}
	if !f.usersAreRight() {
		return nil, fmt.Errorf("%w: its users are damaged", ErrFormat)
	}
	for key, c := range f.columns {
		if !c.isRight(f.events) {
			return nil, fmt.Errorf("%w: the values of %q are damaged", ErrFormat, key)
		}
	}
	return f, nil
}

// lengths are those of the sections that the index says.
type lengths struct {
	users      int
	highestRow uint64 // less its base
	marks      int
	columns    []*Column // in the order of their sections
	texts      []int
}

func (f *File) readIndex(d *decoder) (l lengths) {
	f.project = int64(d.uvarint(math.MaxInt64))
	f.events = int(d.uvarint(math.MaxUint32))
	f.users = int(d.uvarint(uint64(f.events)))
	f.first = d.varint()
	span := d.uvarint(math.MaxInt64)
	f.last = f.first + int64(span)
	f.unit = int64(d.uvarint(math.MaxInt64))
	l.users = int(d.uvarint(uint64(len(f.data))))
	f.typeNames = d.texts()
	f.base = base(d.uvarint(uint64(bases - 1)))
	l.highestRow = d.uvarint(math.MaxUint32)
	if f.namesKnown = d.uvarint(1) == 1; f.namesKnown {
		f.names = d.texts()
	}
	d.check(f.events > 0 && f.users > 0 && f.last >= f.first && f.unit > 0 && len(f.typeNames) > 0 && isSet(f.typeNames) && isSet(f.names))
	l.marks = int(d.uvarint(2 * maxColumns))
	for n := d.uvarint(maxColumns); n > 0 && !d.bad; n-- {
		key := d.text()
		c := &Column{file: f, form: form(d.uvarint(uint64(forms - 1))), marked: int(d.uvarint(2 * maxColumns))}
		c.n = int(d.uvarint(uint64(f.events)))
		c.values.n = int(d.uvarint(maxCode))
		l.texts = append(l.texts, int(d.uvarint(uint64(len(f.data)))))
		d.check(f.columns[key] == nil && c.hasCodes(l.marks))
		f.columns[key] = c
		l.columns = append(l.columns, c)
	}
	return l
}

// hasCodes says whether a column can have as many codes as it says, of some marks.
func (c *Column) hasCodes(marks int) bool {
	switch {
	case c.values.n == 0:
		return c.form == plain && c.n == 0
	case c.form == plain:
		return c.n == c.file.events
	}
	return c.n > 0 && c.marked < marks
}

// isSet says whether texts are in their order and different.
func isSet(texts []string) bool {
	for i := 1; i < len(texts); i++ {
		if texts[i] <= texts[i-1] {
			return false
		}
	}
	return true
}

// cut finds the sections in the bytes behind the index, which must have their lengths.
func (f *File) cut(rest []byte, l lengths) (ok bool) {
	ok = true
	take := func(n int) (section []byte) {
		if ok = ok && n <= len(rest); !ok {
			return nil
		}
		section, rest = rest[:n], rest[n:]
		return section
	}
	takePacked := func(n int, highest uint64) packed {
		width := bitsFor(highest)
		section := take(packedSize(n, width))
		if ok = ok && len(rest) >= padding; !ok {
			return packed{}
		}
		return newPacked(section[:len(section)+padding], width)
	}
	f.blocks = take((f.users + blockUsers - 1) / blockUsers * blockSize)
	f.stream = take(l.users)
	f.times = takePacked(f.events, uint64((f.last-f.first)/f.unit))
	f.types = takePacked(f.events, uint64(len(f.typeNames)-1))
	f.bases = take(4 * f.base.groups(f.first, f.last, len(f.typeNames)))
	f.rows = takePacked(f.events, l.highestRow)
	for range l.marks {
		f.marks = append(f.marks, take(marksSize(f.events)))
	}
	for i, c := range l.columns {
		c.codes = takePacked(c.n, c.highest())
		c.values.starts = takePacked(blocksOf(c.values.n), uint64(l.texts[i]))
		c.values.texts = take(l.texts[i])
		if c.form != plain {
			c.marks = f.marks[c.marked]
		}
	}
	return ok && len(rest) == padding
}

// usersAreRight checks the sections of users, on whose numbers walks rely.
func (f *File) usersAreRight() bool {
	d := decoder{rest: f.stream}
	key, event := uint64(0), uint64(0)
	for i := range f.users {
		offset := len(f.stream) - len(d.rest)
		delta, n := d.uvarint(math.MaxUint32), d.uvarint(uint64(f.events))
		if d.bad || n == 0 || delta == 0 && i > 0 {
			return false
		}
		key += delta
		if i%blockUsers == 0 {
			if k, o, e := f.block(i / blockUsers); uint64(k) != key || int(o) != offset || uint64(e) != event {
				return false
			}
			f.keys = append(f.keys, uint32(key))
		}
		event += n
	}
	f.highest = uint32(key)
	return len(d.rest) == 0 && event == uint64(f.events) && key < math.MaxUint32
}

// isRight checks a column of some events.
func (c *Column) isRight(events int) bool {
	if c.form != plain {
		if n, ok := c.marks.count(events); !ok || n != c.n || c.form == runs && !c.marks.has(0) {
			return false
		}
	}
	return c.values.isRight()
}

// isValue says whether text is a JSON value without white space around it.
func isValue(text []byte) bool {
	space := func(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }
	if space(text[0]) || space(text[len(text)-1]) {
		return false
	}
	if text[0] == '"' && text[len(text)-1] == '"' && len(text) > 1 {
		plain := func(c byte) bool { return c >= ' ' && c < 0x7f && c != '"' && c != '\\' }
		if !slices.ContainsFunc(text[1:len(text)-1], func(c byte) bool { return !plain(c) }) {
			return true
		}
	}
	return jsontext.Value(text).IsValid()
}

// decoder reads numbers and texts. It is bad after the first that is none.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) check(ok bool) { d.bad = d.bad || !ok }

func (d *decoder) uvarint(highest uint64) uint64 {
	n, length := binary.Uvarint(d.rest)
	if d.check(length > 0 && n <= highest); d.bad {
		return 0
	}
	d.rest = d.rest[length:]
	return n
}

func (d *decoder) varint() int64 {
	n, length := binary.Varint(d.rest)
	if d.check(length > 0); d.bad {
		return 0
	}
	d.rest = d.rest[length:]
	return n
}

func (d *decoder) text() string {
	n := d.uvarint(uint64(len(d.rest)))
	if d.check(n <= uint64(len(d.rest))); d.bad {
		return ""
	}
	text := string(d.rest[:n])
	d.rest = d.rest[n:]
	return text
}

func (d *decoder) texts() []string {
	n := d.uvarint(uint64(len(d.rest)))
	texts := make([]string, 0, min(n, 1024))
	for ; n > 0 && !d.bad; n-- {
		texts = append(texts, d.text())
	}
	return texts
}
