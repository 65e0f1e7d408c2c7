package pages

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sort"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// The columns of a file that a File reads.
const (
	ids = iota
	times
	users
	types
	properties
	columns
)

// projectColumn has the same value in all rows.
const projectColumn = "project_id"

// names are those of the columns, and kinds what they have.
var (
	names = [columns]string{idColumn, timeColumn, "user_id", "event_type", "properties"}
	kinds = [columns]format.Type{format.FixedLenByteArray, format.Int64, format.ByteArray, format.ByteArray, format.ByteArray}
)

// File knows where in a Parquet file, which Write made, the pages of events are. It takes
// about 50 bytes of memory for each thousand of them. It does not change, and does not
// hold the file open: the readers are given that.
type File struct {
	rows    int
	project int64
	leaves  [columns]leaf
	groups  []group
}

// group is a row group.
type group struct {
	first, rows int
	columns     [columns]column
	filter      filterPlace
}

// column is where the pages of a column of a row group are.
type column struct {
	codec      format.CompressionCodec
	dictionary place // of length 0: there is none
	firsts     []int // rows of pages, in the group
	places     []place
}

type place struct {
	offset int64
	length int
}

// Read reads where the pages of a Parquet file of some size are. The error is ErrWhole when
// they are not small, and ErrDamaged when the file is none. Whether it has the right hash
// is checked by the caller before.
func Read(r io.ReaderAt, size int64) (*File, error) {
	meta, err := readFooter(r, size)
	if err != nil {
		return nil, err
	}
	leaves, err := leavesOf(meta)
	if err != nil {
		return nil, err
	}
	f := &File{}
	var indexes [columns]int
	for c, name := range names {
		i := slices.IndexFunc(leaves, func(l leaf) bool { return l.name == name })
		if i < 0 || leaves[i].kind != kinds[c] || c == ids && leaves[i].width != idBytes {
			return nil, badIf(true, "its column %q is another", name)
		}
		f.leaves[c], indexes[c] = leaves[i], i
	}
	for i := range meta.RowGroups {
		g := &meta.RowGroups[i]
		if len(g.Columns) != len(leaves) || g.NumRows <= 0 || g.NumRows > maxRows-int64(f.rows) {
			return nil, badIf(true, "a row group of %d rows in %d columns", g.NumRows, len(g.Columns))
		}
		at := group{first: f.rows, rows: int(g.NumRows)}
		for c, i := range indexes {
			if at.columns[c], err = readColumn(r, size, &g.Columns[i], at.rows); err != nil {
				return nil, err
			}
		}
		project, err := readProject(g, leaves)
		if err != nil {
			return nil, err
		}
		if i > 0 && project != f.project {
			return nil, badIf(true, "it has events of several projects")
		}
		f.project = project
		if at.filter, err = readFilterPlace(r, &g.Columns[indexes[ids]].MetaData); err != nil {
			return nil, err
		}
		f.groups = append(f.groups, at)
		f.rows += at.rows
	}
	return f, nil
}

// maxRows is how many a segment has at most: their numbers have 32 bits elsewhere.
const maxRows = 1<<32 - 1

// readColumn reads where the pages of a column of a row group are.
func readColumn(r io.ReaderAt, size int64, chunk *format.ColumnChunk, rows int) (c column, err error) {
	m := &chunk.MetaData
	c.codec = m.Codec
	if !isOurs(m) {
		return c, fmt.Errorf("%w: a column is encoded as %v and compressed by %s", ErrWhole, m.Encoding, m.Codec)
	}
	if chunk.OffsetIndexOffset <= 0 || chunk.OffsetIndexLength <= 0 {
		return c, fmt.Errorf("%w: there is no index of pages", ErrWhole)
	}
	if int64(chunk.OffsetIndexLength) > size {
		return c, badIf(true, "an index of %d bytes", chunk.OffsetIndexLength)
	}
	data := make([]byte, chunk.OffsetIndexLength)
	if _, err := r.ReadAt(data, chunk.OffsetIndexOffset); err != nil {
		return c, fmt.Errorf("reading an index of pages: %w", err)
	}
	var index format.OffsetIndex
	if err := thrift.Unmarshal(&protocol, data, &index); err != nil {
		return c, fmt.Errorf("%w: an index of pages: %w", ErrDamaged, err)
	}
	for i, at := range index.PageLocations {
		first, length := int(at.FirstRowIndex), int(at.CompressedPageSize)
		if first < 0 || first >= rows || (i == 0) != (first == 0) || i > 0 && first <= c.firsts[i-1] || at.Offset < 0 || length <= 0 || int64(length) > size-at.Offset {
			return c, badIf(true, "a page of %d bytes from row %d on at %d", length, first, at.Offset)
		}
		c.firsts, c.places = append(c.firsts, first), append(c.places, place{at.Offset, length})
	}
	if len(c.places) == 0 {
		return c, badIf(true, "there is no page")
	}
	if m.DictionaryPageOffset > 0 {
		c.dictionary = place{m.DictionaryPageOffset, int(c.places[0].offset - m.DictionaryPageOffset)}
		return c, badIf(c.dictionary.length <= 0, "a dictionary of %d bytes", c.dictionary.length)
	}
	return c, nil
}

// isOurs says whether a column is encoded and compressed in a way that Write does, or versions before it did.
func isOurs(m *format.ColumnMetaData) bool {
	known := []format.Encoding{format.Plain, format.DeltaBinaryPacked, dictionaryCodes, format.RLEDictionary, format.RLE} // the last of levels
	other := func(e format.Encoding) bool { return !slices.Contains(known, e) }
	return (m.Codec == format.Uncompressed || m.Codec == format.Zstd) && !slices.ContainsFunc(m.Encoding, other)
}

// readProject returns whose events a row group has, by what the file says of them.
func readProject(g *format.RowGroup, leaves []leaf) (int64, error) {
	i := slices.IndexFunc(leaves, func(l leaf) bool { return l.name == projectColumn })
	if i < 0 || leaves[i].kind != format.Int64 {
		return 0, badIf(true, "it has no column %q", projectColumn)
	}
	stats := &g.Columns[i].MetaData.Statistics
	if len(stats.MinValue) != 8 || !bytes.Equal(stats.MinValue, stats.MaxValue) || stats.NullCount > 0 {
		return 0, badIf(true, "its events are not of one project")
	}
	return int64(binary.LittleEndian.Uint64(stats.MinValue)), nil
}

// Project is whose events they are.
func (f *File) Project() int64 { return f.project }

// Rows is how many events there are.
func (f *File) Rows() int { return f.rows }

// groupOf returns the row group that a row is in.
func (f *File) groupOf(row int) *group {
	i := sort.Search(len(f.groups), func(i int) bool { return f.groups[i].first > row })
	return &f.groups[i-1]
}

// pageOf returns the page that a row of the group is in, and its row there.
func (c *column) pageOf(row int) (page, at int) {
	page = sort.SearchInts(c.firsts, row+1) - 1
	return page, row - c.firsts[page]
}

// size returns how many rows a page has, of a group of some rows.
func (c *column) size(page, rows int) int {
	if page+1 < len(c.firsts) {
		rows = c.firsts[page+1]
	}
	return rows - c.firsts[page]
}
