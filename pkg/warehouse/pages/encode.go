package pages

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// encoded is a column of a row group.
type encoded struct {
	chunkPages
	statistics format.Statistics
}

// dictionaryShare is how many rows there must be for each value of a dictionary: with more
// values it takes more than they do. DuckDB has the same rule.
const dictionaryShare = 5

func encode[T comparable](l leaf, values []T, missing []bool, k *kind[T]) (e encoded, err error) {
	e.leaf = l
	present, levels := values, []byte(nil)
	if slices.Contains(missing, true) {
		present, levels = withoutMissing(values, missing)
	}
	distinct, places, few := present, []int32(nil), false
	if k.repeats {
		distinct, places, few = dictionaryOf(present, len(values)/dictionaryShare)
	}
	e.statistics.NullCount = int64(len(values) - len(present))
	e.statistics.MinValue, e.statistics.MaxValue = k.bounds(distinct)
	if k.sought || few && len(distinct) > 1 { // of one value, the bounds say as much
		for _, v := range distinct {
			e.hashes = append(e.hashes, hashOf(k.bound(v)))
		}
	}
	if few {
		return e, addDictionary(&e.chunkPages, distinct, places, levels, len(values), k)
	}
	return e, addPlain(&e.chunkPages, present, levels, len(values), k)
}

// withoutMissing returns the values that are there, and for each row 1, or 0 where there is
// none.
func withoutMissing[T any](values []T, missing []bool) (present []T, levels []byte) {
	levels = make([]byte, len(values))
	for i, v := range values {
		if !missing[i] {
			present, levels[i] = append(present, v), 1
		}
	}
	return present, levels
}

// maxBound is the longest value that is written as a bound.
const maxBound = 256

// bounds returns the lowest and the highest value, none where one is long.
func (k *kind[T]) bounds(values []T) (lowest, highest []byte) {
	if len(values) == 0 {
		return nil, nil
	}
	lowest, highest = k.bound(slices.MinFunc(values, k.compare)), k.bound(slices.MaxFunc(values, k.compare))
	if max(len(lowest), len(highest)) > maxBound {
		return nil, nil
	}
	return lowest, highest
}

// addPlain adds the pages of values that follow each other.
func addPlain[T comparable](c *chunkPages, present []T, levels []byte, rows int, k *kind[T]) error {
	limit := pageBytes
	if c.leaf.width == idBytes {
		limit = idPageBytes
	}
	encoding := format.Plain
	if c.leaf.isTimes() {
		encoding = format.DeltaBinaryPacked
	}
	values, from := make([]byte, 0, limit), 0
	for row := range rows {
		if levels == nil || levels[row] != 0 {
			values, present = k.plain(values, present[0]), present[1:]
		}
		if len(values) < limit && row+1 < rows {
			continue
		}
		if c.leaf.isTimes() {
			values = differences(values)
		}
		if err := c.add(encoding, levels, from, row+1, values); err != nil {
			return err
		}
		values, from = make([]byte, 0, limit), row+1
	}
	return nil
}

// dictionaryOf returns the values that differ, in the order of their first use, and the
// place there of each value; or the values, if more than most of them, and than one, differ.
func dictionaryOf[T comparable](values []T, most int) (distinct []T, places []int32, few bool) {
	known := make(map[T]int32)
	places = make([]int32, len(values))
	for i, v := range values {
		if i > 0 && v == values[i-1] {
			places[i] = places[i-1]
			continue
		}
		place, ok := known[v]
		if !ok {
			if place = int32(len(distinct)); len(distinct) == max(1, most) {
				return values, nil, false
			}
			known[v] = place
			distinct = append(distinct, v)
		}
		places[i] = place
	}
	return distinct, places, len(distinct) > 0
}

// addDictionary adds a dictionary, and the pages of the places that values have there.
func addDictionary[T comparable](c *chunkPages, distinct []T, places []int32, levels []byte, rows int, k *kind[T]) error {
	var dictionary []byte
	for _, v := range distinct {
		dictionary = k.plain(dictionary, v)
	}
	h := format.PageHeader{Type: format.DictionaryPage}
	h.DictionaryPageHeader = thrift.New(format.DictionaryPageHeader{NumValues: int32(len(distinct)), Encoding: format.Plain})
	c.pages = append(c.pages, page{values: dictionary, header: h})

	width := max(1, bits.Len(uint(len(distinct)-1)))
	encoding := rle.Encoding{BitWidth: width}
	const pageRows = pageBytes / 2
	for from := 0; from < rows; from += pageRows {
		to := min(from+pageRows, rows)
		n := to - from
		if levels != nil {
			n -= bytes.Count(levels[from:to], []byte{0})
		}
		packed, err := encoding.EncodeInt32(nil, places[:n])
		if err != nil {
			return fmt.Errorf("encoding places in a dictionary: %w", err)
		}
		places = places[n:]
		if err := c.add(format.RLEDictionary, levels, from, to, append([]byte{byte(width)}, packed...)); err != nil {
			return err
		}
	}
	return nil
}

// add adds a page of rows [from, to).
func (c *chunkPages) add(encoding format.Encoding, levels []byte, from, to int, values []byte) error {
	packed := append(binary.AppendUvarint(nil, uint64(to-from)<<1), 1) // a run of ones
	if levels != nil {
		var err error
		if packed, err = (&rle.Encoding{BitWidth: 1}).EncodeLevels(nil, levels[from:to]); err != nil {
			return fmt.Errorf("encoding levels: %w", err)
		}
	}
	h := format.PageHeader{Type: format.DataPage}
	h.DataPageHeader = thrift.New(format.DataPageHeader{
		NumValues: int32(to - from), Encoding: encoding, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE,
	})
	c.pages = append(c.pages, page{
		rows: to - from, levels: append(binary.LittleEndian.AppendUint32(nil, uint32(len(packed))), packed...), values: values, header: h,
	})
	return nil
}
