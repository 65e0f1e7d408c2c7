package pages

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/format"
)

// flat is what is in a page of a flat column.
type flat struct {
	rows     int
	optional bool
	levels   []byte // of each row 1, or 0 where there is no value; nil: all have one
	encoding format.Encoding
	values   []byte // those that are not missing, encoded
}

// readFlat takes a page apart. optional is whether the column may lack values.
func readFlat(header *format.DataPageHeader, body []byte, optional bool) (f flat, err error) {
	f = flat{rows: int(header.NumValues), optional: optional, encoding: header.Encoding, values: body}
	if f.rows < 0 || !optional {
		return f, badIf(f.rows < 0, "a page of %d rows", f.rows)
	}
	if len(body) < 4 {
		return f, badIf(true, "a page of %d bytes", len(body))
	}
	length := binary.LittleEndian.Uint32(body)
	if uint64(length) > uint64(len(body)-4) || header.DefinitionLevelEncoding != format.RLE {
		return f, badIf(true, "levels of %d bytes in a page of %d", length, len(body))
	}
	levels := body[4 : 4+length]
	f.values = body[4+length:]
	if isRunOfOnes(levels, f.rows) {
		return f, nil
	}
	var ok bool
	f.levels, ok = levelsOf(levels, f.rows)
	return f, badIf(!ok, "a page of %d rows has fewer levels", f.rows)
}

// isRunOfOnes says whether levels are the one run that all rows have a value.
func isRunOfOnes(levels []byte, rows int) bool {
	run, n := binary.Uvarint(levels)
	return n > 0 && len(levels) == n+1 && run == uint64(rows)<<1 && levels[n] == 1
}

func badIf(bad bool, message string, args ...any) error {
	if !bad {
		return nil
	}
	return fmt.Errorf("%w: "+message, append([]any{ErrDamaged}, args...)...)
}

// piece is a part of a page: a page of its own, before it is compressed.
type piece struct {
	rows   int
	levels []byte
	values []byte
}

func (p *piece) body() []byte { return append(slices.Clip(p.levels), p.values...) }

// dictionaryCodes is how a page is encoded that has the places of its values in a dictionary. Parquet
// deprecates it for pages of data, but some writers use it.
const dictionaryCodes = format.PlainDictionary //nolint:staticcheck // it is read, not written

// cut returns a page in pieces. width is the size of its values, or 0 where each has its
// own. What is encoded in other ways than DuckDB does stays in one piece.
func (f *flat) cut(width int) ([]piece, error) {
	switch f.encoding {
	case format.Plain:
		return f.cutPlain(width)
	case dictionaryCodes, format.RLEDictionary:
		return f.cutIndexes()
	}
	whole, err := f.piece(0, f.rows, f.values)
	return []piece{whole}, err
}

// cutPlain cuts values that follow each other.
func (f *flat) cutPlain(width int) (pieces []piece, err error) {
	limit := pageBytes
	if width == idBytes {
		limit = idPageBytes
	}
	rest, from, size := f.values, 0, 0
	for row := range f.rows {
		if f.has(row) {
			n, err := sizeOf(rest[size:], width)
			if err != nil {
				return nil, err
			}
			size += n
		}
		if size < limit && row+1 < f.rows {
			continue
		}
		p, err := f.piece(from, row+1, rest[:size])
		if err != nil {
			return nil, err
		}
		pieces = append(pieces, p)
		rest, from, size = rest[size:], row+1, 0
	}
	return pieces, badIf(len(rest) > 0, "a page has %d bytes more than its values", len(rest))
}

// sizeOf is how many bytes the first of plain values takes.
func sizeOf(values []byte, width int) (int, error) {
	if width == 0 {
		if len(values) < 4 {
			return 0, badIf(true, "a value of %d bytes", len(values))
		}
		width = 4 + int(binary.LittleEndian.Uint32(values))
	}
	return width, badIf(width > len(values), "a value of %d bytes in a page with %d left", width, len(values))
}

// cutIndexes cuts indexes of a dictionary.
func (f *flat) cutIndexes() (pieces []piece, err error) {
	data, bits, err := f.indexes()
	if err != nil {
		return nil, err
	}
	encoding := rle.Encoding{BitWidth: bits}
	indexes, err := encoding.DecodeInt32(nil, data)
	if err != nil {
		return nil, fmt.Errorf("%w: indexes of a dictionary: %w", ErrDamaged, err)
	}
	const rows = pageBytes / 2
	for from := 0; from < f.rows; from += rows {
		to := min(from+rows, f.rows)
		n := 0
		for row := from; row < to; row++ {
			if f.has(row) {
				n++
			}
		}
		if n > len(indexes) {
			return nil, badIf(true, "a page of %d rows has too few values", f.rows)
		}
		values, err := encoding.EncodeInt32(nil, indexes[:n])
		if err != nil {
			return nil, fmt.Errorf("encoding indexes: %w", err)
		}
		p, err := f.piece(from, to, append([]byte{byte(bits)}, values...))
		if err != nil {
			return nil, err
		}
		pieces, indexes = append(pieces, p), indexes[n:]
	}
	return pieces, nil
}

// indexes returns those of the values in the dictionary, encoded, and how many bits each
// takes.
func (f *flat) indexes() (data []byte, bits int, err error) {
	if len(f.values) == 0 || f.values[0] > 32 {
		return nil, 0, badIf(true, "indexes of a dictionary in %d bytes", len(f.values))
	}
	return f.values[1:], int(f.values[0]), nil
}

// has says whether a row has a value.
func (f *flat) has(row int) bool { return f.levels == nil || f.levels[row] != 0 }

// piece makes a page of rows [from, to), which have these values.
func (f *flat) piece(from, to int, values []byte) (piece, error) {
	p := piece{rows: to - from, values: values}
	if f.optional {
		levels := append(binary.AppendUvarint(nil, uint64(p.rows)<<1), 1)
		if f.levels != nil {
			encoding := rle.Encoding{BitWidth: 1}
			var err error
			if levels, err = encoding.EncodeLevels(nil, f.levels[from:to]); err != nil {
				return p, fmt.Errorf("encoding levels: %w", err)
			}
		}
		p.levels = append(binary.LittleEndian.AppendUint32(nil, uint32(len(levels))), levels...)
	}
	return p, nil
}
