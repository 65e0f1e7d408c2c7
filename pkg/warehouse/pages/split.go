package pages

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"golang.org/x/sync/errgroup"
)

// Split writes the Parquet file at a path, whose pages must not be compressed, to another
// path: in small pages that are, with the places of pages (offset indexes) and a Bloom
// filter of the ids of each row group. It holds one column of a row group. The file is
// not synced.
func Split(ctx context.Context, from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("opening a segment: %w", err)
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return fmt.Errorf("opening a segment: %w", err)
	}
	meta, err := readFooter(in, info.Size())
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("writing a segment: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	s := splitter{in: in, size: info.Size(), out: bufio.NewWriterSize(out, 256<<10), codecs: map[string]format.CompressionCodec{}}
	return s.split(ctx, meta)
}

// splitter writes a file. Its first error ends it.
type splitter struct {
	in      io.ReaderAt
	size    int64
	out     *bufio.Writer
	written int64
	codecs  map[string]format.CompressionCodec // by column
	indexes []offsetIndex
	filters []filterOf
}

// offsetIndex has the places of a column's pages, and the column chunk that gets its offset.
type offsetIndex struct {
	format.OffsetIndex
	chunk *format.ColumnChunk
}

func (s *splitter) split(ctx context.Context, meta *format.FileMetaData) error {
	leaves, err := leavesOf(meta)
	if err != nil {
		return err
	}
	if err := s.write([]byte(magic)); err != nil {
		return err
	}
	for i := range meta.RowGroups {
		group := &meta.RowGroups[i]
		if len(group.Columns) != len(leaves) {
			return badIf(true, "a row group of %d columns, not %d", len(group.Columns), len(leaves))
		}
		group.FileOffset, group.TotalCompressedSize, group.TotalByteSize = s.written, 0, 0
		for c := range group.Columns {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := s.column(&group.Columns[c], leaves[c]); err != nil {
				return fmt.Errorf("writing the column %q of a segment: %w", leaves[c].name, err)
			}
			group.TotalCompressedSize += group.Columns[c].MetaData.TotalCompressedSize
			group.TotalByteSize += group.Columns[c].MetaData.TotalUncompressedSize
		}
	}
	return s.end(meta)
}

// column writes a column of a row group.
func (s *splitter) column(chunk *format.ColumnChunk, leaf leaf) error {
	m := &chunk.MetaData
	if m.Codec != format.Uncompressed {
		return badIf(true, "it is compressed by %s", m.Codec)
	}
	at := startOf(m)
	data, err := s.read(at, m.TotalCompressedSize)
	if err != nil {
		return err
	}
	if err := s.copyFilter(m); err != nil {
		return err
	}
	c := chunkPages{leaf: leaf}
	if err := c.take(data); err != nil {
		return err
	}
	if m.Codec, err = s.codecOf(&c); err != nil {
		return err
	}
	if len(c.hashes) > 0 {
		if err := s.addFilter(c.hashes, m); err != nil {
			return err
		}
	}
	return s.pages(chunk, &c)
}

// startOf is where the pages of a column begin.
func startOf(m *format.ColumnMetaData) int64 {
	if m.DictionaryPageOffset > 0 {
		return min(m.DictionaryPageOffset, m.DataPageOffset)
	}
	return m.DataPageOffset
}

func (s *splitter) read(at, n int64) ([]byte, error) {
	if at < 0 || n < 0 || n > s.size-at {
		return nil, badIf(true, "%d bytes at %d of %d", n, at, s.size)
	}
	data := make([]byte, n)
	if _, err := s.in.ReadAt(data, at); err != nil {
		return nil, fmt.Errorf("reading a segment: %w", err)
	}
	return data, nil
}

// pages writes the pages of a column and notes where they are.
func (s *splitter) pages(chunk *format.ColumnChunk, c *chunkPages) error {
	m := &chunk.MetaData
	m.TotalCompressedSize, m.TotalUncompressedSize, m.DictionaryPageOffset, m.DataPageOffset = 0, 0, 0, 0
	m.EncodingStats, chunk.ColumnIndexOffset, chunk.ColumnIndexLength = nil, 0, 0 // they are about other pages
	m.Encoding = c.encodings(m.Encoding)
	var index format.OffsetIndex
	row := int64(0)
	for batch := range slices.Chunk(c.pages, batchPages) {
		bodies, err := pack(batch, m.Codec)
		if err != nil {
			return err
		}
		for i := range batch {
			at := s.written
			if err := s.page(&batch[i], bodies[i], m); err != nil {
				return err
			}
			switch {
			case batch[i].header.Type == format.DictionaryPage:
				m.DictionaryPageOffset = at
				continue
			case m.DataPageOffset == 0:
				m.DataPageOffset = at
			}
			index.PageLocations = append(index.PageLocations, format.PageLocation{Offset: at, CompressedPageSize: int32(s.written - at), FirstRowIndex: row})
			row += int64(batch[i].rows)
		}
	}
	s.indexes = append(s.indexes, offsetIndex{index, chunk})
	return badIf(row != m.NumValues, "it has %d rows, not %d", row, m.NumValues)
}

// page writes a page, of which body is what becomes of it.
func (s *splitter) page(p *page, body []byte, m *format.ColumnMetaData) error {
	p.header.UncompressedPageSize, p.header.CompressedPageSize = int32(len(p.levels)+len(p.values)), int32(len(body))
	header, err := thrift.Marshal(&protocol, &p.header)
	if err != nil {
		return fmt.Errorf("encoding the header of a page: %w", err)
	}
	m.TotalCompressedSize += int64(len(header) + len(body))
	m.TotalUncompressedSize += int64(len(header)) + int64(p.header.UncompressedPageSize)
	return errors.Join(s.write(header), s.write(body))
}

// end writes what follows the pages.
func (s *splitter) end(meta *format.FileMetaData) error {
	for _, f := range s.filters {
		at := s.written
		if err := s.write(f.data); err != nil {
			return err
		}
		f.column.BloomFilterOffset, f.column.BloomFilterLength = at, int32(len(f.data))
	}
	for i := range s.indexes {
		x := &s.indexes[i]
		data, err := thrift.Marshal(&protocol, &x.OffsetIndex)
		if err != nil {
			return fmt.Errorf("encoding an offset index: %w", err)
		}
		x.chunk.OffsetIndexOffset, x.chunk.OffsetIndexLength = s.written, int32(len(data))
		if err := s.write(data); err != nil {
			return err
		}
	}
	footer, err := thrift.Marshal(&protocol, meta)
	if err != nil {
		return fmt.Errorf("encoding the footer of a segment: %w", err)
	}
	footer = binary.LittleEndian.AppendUint32(footer, uint32(len(footer)))
	if err := s.write(append(footer, magic...)); err != nil {
		return err
	}
	if err := s.out.Flush(); err != nil {
		return fmt.Errorf("writing a segment: %w", err)
	}
	return nil
}

func (s *splitter) write(data []byte) error {
	s.written += int64(len(data))
	if _, err := s.out.Write(data); err != nil {
		return fmt.Errorf("writing a segment: %w", err)
	}
	return nil
}

// chunkPages is the pages of a column of a row group.
type chunkPages struct {
	leaf   leaf
	pages  []page
	hashes []uint64 // of ids
}

type page struct {
	piece
	header format.PageHeader
}

// take cuts the pages of a column.
func (c *chunkPages) take(data []byte) error {
	for len(data) > 0 {
		header, body, rest, err := readPage(data)
		if err != nil {
			return err
		}
		data = rest
		header.CRC = 0 // it is of what is not compressed
		if header.Type == format.DictionaryPage {
			c.pages = append(c.pages, page{piece{values: body}, header})
			continue
		}
		if header.Type != format.DataPage || !header.DataPageHeader.Valid {
			return badIf(true, "a page is of type %s", header.Type)
		}
		f, err := readFlat(&header.DataPageHeader.V, body, c.leaf.optional)
		if err != nil {
			return err
		}
		if c.leaf.name == idColumn && c.leaf.width == idBytes && f.encoding == format.Plain {
			c.hashes = appendHashes(c.hashes, f.values)
		}
		pieces, err := f.cut(c.leaf.width)
		if err != nil {
			return err
		}
		encoding := f.encoding
		if c.leaf.isTimes() && encoding == format.Plain {
			encoding = format.DeltaBinaryPacked
			for i := range pieces {
				pieces[i].values = differences(pieces[i].values)
			}
		}
		for _, piece := range pieces {
			h := format.PageHeader{Type: format.DataPage}
			h.DataPageHeader.Valid = true
			h.DataPageHeader.V = format.DataPageHeader{
				NumValues: int32(piece.rows), Encoding: encoding, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE,
			}
			c.pages = append(c.pages, page{piece, h})
		}
	}
	return nil
}

// encodings are those of a column whose pages had some before.
func (c *chunkPages) encodings(before []format.Encoding) []format.Encoding {
	for i := range c.pages {
		p := &c.pages[i].header
		if p.Type == format.DataPage && !slices.Contains(before, p.DataPageHeader.V.Encoding) {
			before = append(before, p.DataPageHeader.V.Encoding)
		}
	}
	return before
}

// codecOf returns how a column is compressed: not at all where that is not worth it, as of
// random ids. Some readers, parquet-go for one, take the codec of a column in the first row
// group for that of all.
func (s *splitter) codecOf(c *chunkPages) (format.CompressionCodec, error) {
	codec, known := s.codecs[c.leaf.name]
	if known {
		return codec, nil
	}
	codec = format.Zstd
	first := c.pages[:min(batchPages, len(c.pages))]
	packed, err := pack(first, codec)
	if err != nil {
		return codec, err
	}
	before, after := 0, 0
	for i := range first {
		before += len(first[i].levels) + len(first[i].values)
		after += len(packed[i])
	}
	if after > before-before/16 {
		codec = format.Uncompressed
	}
	s.codecs[c.leaf.name] = codec
	return codec, nil
}

// batchPages is how many pages are compressed at a time, in several goroutines.
const batchPages = 16

// pack returns what becomes of pages.
func pack(pages []page, codec format.CompressionCodec) ([][]byte, error) {
	z, err := packer()
	if err != nil {
		return nil, err
	}
	packed := make([][]byte, len(pages))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range pages {
		g.Go(func() error {
			if packed[i] = pages[i].body(); codec == format.Zstd {
				packed[i] = z.EncodeAll(packed[i], make([]byte, 0, len(packed[i])/2))
			}
			return nil
		})
	}
	return packed, g.Wait()
}
