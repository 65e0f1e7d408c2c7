package pages

import (
	"encoding/binary"
	"fmt"

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

// dictionaryCodes is how a page is encoded that has the places of its values in a dictionary. Parquet
// deprecates it for pages of data, but some writers use it.
const dictionaryCodes = format.PlainDictionary //nolint:staticcheck // it is read, not written

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
