package pages

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go/format"
)

// Event is an event as it is in a file.
type Event struct {
	ID         uuid.UUID
	Us         int64 // occurred_at, in microseconds since 1970 UTC
	UserID     string
	Type       string
	Properties string // JSON as sent, or empty
}

// Columns says which values of events are read; the others stay zero.
type Columns bool

// What is read of events.
const (
	All Columns = false
	// Unordered are the id and the properties: all but what events are ordered by in the
	// file, which is known where events come from its events by user.
	Unordered Columns = true
)

// Events calls each with the events in some rows, the quicker the closer they follow each
// other. r is the file.
func (f *File) Events(ctx context.Context, r io.ReaderAt, rows []uint32, of Columns, each func(row uint32, e Event) error) error {
	w := f.window(r, of)
	defer w.release()
	for _, row := range rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		if int64(row) >= int64(f.rows) {
			return badIf(true, "it has no row %d", row)
		}
		e, err := w.event(int(row))
		if err != nil {
			return err
		}
		if err := each(row, e); err != nil {
			return err
		}
	}
	return nil
}

// Find returns the row of the event with an id. r is the file.
func (f *File) Find(ctx context.Context, r io.ReaderAt, id uuid.UUID) (row uint32, found bool, err error) {
	hash := hashOf(id[:])
	w := f.window(r, All)
	defer w.release()
	for i := range f.groups {
		if err := ctx.Err(); err != nil {
			return 0, false, err
		}
		g := &f.groups[i]
		if may, err := g.filter.may(r, hash); err != nil || !may {
			if err != nil {
				return 0, false, err
			}
			continue
		}
		for page := range g.columns[ids].places {
			if err := ctx.Err(); err != nil {
				return 0, false, err
			}
			p, err := w.load(g, ids, page)
			if err != nil {
				return 0, false, err
			}
			if p.encoding != format.Plain || p.levels != nil {
				return 0, false, badIf(true, "ids are not as they are written")
			}
			if at := indexOf(p.values, id[:]); at >= 0 {
				return uint32(g.first + g.columns[ids].firsts[page] + at), true, nil
			}
		}
	}
	return 0, false, nil
}

// window has the pages that were read last, one of each column. Its memory is used again
// for the next ones.
type window struct {
	file  *File
	r     io.ReaderAt
	of    Columns
	pages [columns]loaded
}

// loaded is a page that was unpacked.
type loaded struct {
	flat
	group *group // nil: there is no page
	page  int

	plain      plain // the page's values, unless they are in the dictionary
	dictionary plain // of the group

	packed, unpacked []byte // what the page is in
	times            []byte // plain, of a page that has their differences
}

// windows are those that nobody uses. To take new memory for each file that a few rows are
// read of costs more than to read them.
var windows = sync.Pool{New: func() any { return &window{} }}

func (f *File) window(r io.ReaderAt, of Columns) *window {
	w := windows.Get().(*window)
	w.file, w.r, w.of = f, r, of
	return w
}

// release gives a window back, unless its pages were unusually large.
func (w *window) release() {
	size := 0
	for c := range w.pages {
		p := &w.pages[c]
		*p = loaded{packed: p.packed, unpacked: p.unpacked, times: p.times, plain: plain{ends: p.plain.ends[:0]}}
		size += cap(p.packed) + cap(p.unpacked) + cap(p.times) + 8*cap(p.plain.ends)
	}
	if w.file, w.r = nil, nil; size <= 2*columns*pageBytes {
		windows.Put(w)
	}
}

func (w *window) event(row int) (e Event, err error) {
	g := w.file.groupOf(row)
	var values [columns][]byte
	for c := range values {
		if w.of == Unordered && c != ids && c != properties {
			continue
		}
		if values[c], err = w.value(g, c, row-g.first); err != nil {
			return e, fmt.Errorf("reading the column %q of row %d: %w", names[c], row, err)
		}
		if values[c] == nil && c != properties {
			return e, badIf(true, "the column %q of row %d has no value", names[c], row)
		}
	}
	copy(e.ID[:], values[ids])
	e.UserID, e.Type, e.Properties = string(values[users]), string(values[types]), string(values[properties])
	if w.of == All {
		e.Us = int64(binary.LittleEndian.Uint64(values[times]))
	}
	return e, nil
}

// value returns that of a column in a row of a group, or nil where there is none.
func (w *window) value(g *group, c, row int) ([]byte, error) {
	page, at := g.columns[c].pageOf(row)
	p, err := w.load(g, c, page)
	if err != nil {
		return nil, err
	}
	if !p.has(at) {
		return nil, nil
	}
	n := at // of the values that are not missing
	if p.levels != nil {
		n = 0
		for row := range at {
			n += int(p.levels[row])
		}
	}
	if p.encoding == format.Plain || p.encoding == format.DeltaBinaryPacked {
		return p.plain.at(n)
	}
	data, bits, err := p.indexes()
	if err != nil {
		return nil, err
	}
	i, ok := numberAt(data, bits, n)
	if !ok {
		return nil, badIf(true, "there is no value %d", n)
	}
	return p.dictionary.at(int(i))
}

// plain is values that follow each other.
type plain struct {
	data  []byte
	width int   // of each, or 0
	ends  []int // of those without a common length, as far as they were looked for
}

// at returns the n-th value.
func (p *plain) at(n int) ([]byte, error) {
	if p.width > 0 {
		if n >= len(p.data)/p.width {
			return nil, badIf(true, "there is no value %d", n)
		}
		return p.data[n*p.width : (n+1)*p.width], nil
	}
	end := 0
	if len(p.ends) > 0 {
		end = p.ends[len(p.ends)-1]
	}
	for len(p.ends) <= n {
		size, err := sizeOf(p.data[end:], 0)
		if err != nil {
			return nil, err
		}
		end += size
		p.ends = append(p.ends, end)
	}
	from := 0
	if n > 0 {
		from = p.ends[n-1]
	}
	return p.data[from+4 : p.ends[n] : p.ends[n]], nil
}

// load returns a page of a column, which is kept until the next.
func (w *window) load(g *group, c, page int) (*loaded, error) {
	p := &w.pages[c]
	if p.group == g && p.page == page {
		return p, nil
	}
	column, leaf := &g.columns[c], w.file.leaves[c]
	same := p.group == g
	p.group = nil // until the page is right
	header, body, err := w.read(column, column.places[page], &p.packed, &p.unpacked)
	if err != nil {
		return nil, err
	}
	if header.Type != format.DataPage || !header.DataPageHeader.Valid {
		return nil, badIf(true, "a page is of type %s", header.Type)
	}
	if p.flat, err = readFlat(&header.DataPageHeader.V, body, leaf.optional); err != nil {
		return nil, err
	}
	if want := column.size(page, g.rows); p.rows != want {
		return nil, badIf(true, "a page has %d rows of %d", p.rows, want)
	}
	switch p.encoding {
	case format.Plain:
		p.plain = plain{p.values, leaf.width, p.plain.ends[:0]}
	case format.DeltaBinaryPacked:
		if !leaf.isTimes() {
			return nil, badIf(true, "a page is encoded as %s", p.encoding)
		}
		if p.times, err = sums(p.values, p.rows, p.times); err != nil {
			return nil, err
		}
		p.plain = plain{data: p.times, width: leaf.width}
	case dictionaryCodes, format.RLEDictionary:
		if !same || p.dictionary.data == nil {
			if p.dictionary, err = w.dictionary(column, leaf); err != nil {
				return nil, err
			}
		}
	default:
		return nil, badIf(true, "a page is encoded as %s", p.encoding)
	}
	p.group, p.page = g, page
	return p, nil
}

// dictionary reads the values of a column's dictionary.
func (w *window) dictionary(c *column, leaf leaf) (plain, error) {
	if c.dictionary.length == 0 {
		return plain{}, badIf(true, "there is no dictionary")
	}
	var packed, unpacked []byte
	header, body, err := w.read(c, c.dictionary, &packed, &unpacked)
	if err != nil {
		return plain{}, err
	}
	return plain{data: body, width: leaf.width}, badIf(header.Type != format.DictionaryPage, "a dictionary is a page of type %s", header.Type)
}

// read reads and unpacks a page, into memory that it makes larger where it must.
func (w *window) read(c *column, at place, packed, unpacked *[]byte) (header format.PageHeader, body []byte, err error) {
	*packed = slices.Grow((*packed)[:0], at.length)[:at.length]
	if _, err := w.r.ReadAt(*packed, at.offset); err != nil {
		return header, nil, fmt.Errorf("reading a page: %w", err)
	}
	header, body, _, err = readPage(*packed)
	if err != nil {
		return header, nil, err
	}
	body, err = unpack(c.codec, &header, body, unpacked)
	return header, body, err
}

// Check reads the whole file and says whether it is what Write makes: whether each id is
// found, and all pages have the rows that they should. r is the file.
func (f *File) Check(ctx context.Context, r io.ReaderAt) error {
	w := f.window(r, All)
	defer w.release()
	for i := range f.groups {
		g := &f.groups[i]
		for c := range g.columns {
			for page := range g.columns[c].places {
				if err := ctx.Err(); err != nil {
					return err
				}
				p, err := w.load(g, c, page)
				if err != nil {
					return fmt.Errorf("reading the column %q: %w", names[c], err)
				}
				if c != ids {
					continue
				}
				for id := range slices.Chunk(p.values, idBytes) {
					if may, err := g.filter.may(r, hashOf(id)); err != nil || !may {
						return errors.Join(err, badIf(!may, "the filter lacks an id"))
					}
				}
			}
		}
	}
	return nil
}
