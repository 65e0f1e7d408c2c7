package walk

import (
	"runtime"
	"slices"

	"eventanalytics/pkg/property"
)

// form is how a column keeps codes.
type form uint8

const (
	// plain has a code for each event.
	plain form = iota
	// sparse has marked the events with a value, and has their codes, less one.
	sparse
	// runs has marked the first event of each user and those whose code is not that of the
	// event before, and has their codes. Users mostly have one country, and one system.
	runs
	forms
)

// Column is the values of a property by code. Two codes may have values of the same text,
// such as 10 and 10.0.
type Column struct {
	file   *File
	form   form
	marked int // in marks of the file, unless it is plain
	marks  marks
	n      int // codes; none when no event has a value
	codes  packed
	values dictionary
}

// Len is the number of codes. Code 0 is that of events without the property.
func (c *Column) Len() int { return c.values.n + 1 }

// Value is what a code stands for: as if it was read from the events' JSON. It needs a
// Guard.
func (c *Column) Value(code uint32) property.Value {
	if code == 0 || int(code) > c.values.n {
		return property.Value{}
	}
	var buffer [128]byte
	value := string(c.values.appendValue(buffer[:0], int(code-1)))
	runtime.KeepAlive(c.file)
	return property.Find(value, nil)
}

// Values are what the codes of a column stand for: to read all takes hardly longer than to
// read one.
type Values struct {
	file  *File
	left  int
	value []byte
	rest  []byte
}

// Values begins with the value of code 1.
func (c *Column) Values() *Values {
	return &Values{file: c.file, left: c.values.n, rest: c.values.texts}
}

// Next returns the JSON of what the next code stands for, which is good until the next
// call; ok is false after the last. As bytes they ascend. It needs a Guard.
func (v *Values) Next() (json []byte, ok bool) {
	if v.left == 0 {
		return nil, false
	}
	v.left--
	v.value, v.rest = nextValue(v.value, v.rest)
	runtime.KeepAlive(v.file)
	return v.value, true
}

// Code is the code of an event. It needs a Guard outside a walk.
func (c *Column) Code(at uint32) uint32 {
	if c.values.n == 0 {
		return 0
	}
	var code uint32
	switch c.form {
	case plain:
		code = uint32(c.codes.at(int(at)))
	case sparse:
		if c.marks.has(at) {
			code = 1 + c.ofMarked(at)
		}
	case runs:
		code = c.ofMarked(at)
	}
	runtime.KeepAlive(c.file)
	if int(code) > c.values.n { // the file is damaged
		return 0
	}
	return code
}

// AppendCodes appends the codes of events, of which most should be near the one before. It
// needs a Guard outside a walk.
func (c *Column) AppendCodes(codes, at []uint32) []uint32 {
	if c.values.n == 0 {
		return append(codes, make([]uint32, len(at))...)
	}
	packed, last := c.codes, uint64(c.values.n)
	begin := len(codes)
	switch c.form {
	case plain:
		codes = slices.Grow(codes, len(at))[:begin+len(at)]
		read(packed, at, codes[begin:])
	case sparse:
		for _, at := range at {
			codes = append(codes, c.Code(at))
		}
	case runs:
		counted := counter{marks: c.marks}
		for _, at := range at {
			i := uint(counted.through(at) - 1)
			codes = append(codes, uint32(packed.at(int(min(i, uint(c.n-1))))))
		}
	}
	runtime.KeepAlive(c.file)
	for i, code := range codes[begin:] {
		if uint64(code) > last { // the file is damaged
			codes[begin+i] = 0
		}
	}
	return codes
}

// ofMarked is the code of the last marked event up to one.
func (c *Column) ofMarked(at uint32) uint32 {
	i := uint(c.marks.through(at) - 1)
	return uint32(c.codes.at(int(min(i, uint(c.n-1))))) // in case the file is damaged
}

// highest is the highest number that is kept for a code.
func (c *Column) highest() uint64 { return c.form.highest(c.values.n) }
