package pages

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"golang.org/x/sync/errgroup"
)

// output is a file of small pages that is being written. Its first error ends it.
type output struct {
	to      *bufio.Writer
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

func newOutput(to io.Writer) *output {
	return &output{to: bufio.NewWriterSize(to, 256<<10), codecs: map[string]format.CompressionCodec{}}
}

func (o *output) begin() error { return o.write([]byte(magic)) }

// column writes a column of a row group.
func (o *output) column(chunk *format.ColumnChunk, c *chunkPages) (err error) {
	m := &chunk.MetaData
	if m.Codec, err = o.codecOf(c); err != nil {
		return err
	}
	if len(c.hashes) > 0 {
		if err := o.addFilter(c.hashes, m); err != nil {
			return err
		}
	}
	return o.pages(chunk, c)
}

// pages writes the pages of a column and notes where they are.
func (o *output) pages(chunk *format.ColumnChunk, c *chunkPages) error {
	m := &chunk.MetaData
	m.Encoding = c.encodings()
	var index format.OffsetIndex
	row := int64(0)
	for batch := range slices.Chunk(c.pages, batchPages) {
		bodies, err := pack(batch, m.Codec)
		if err != nil {
			return err
		}
		for i := range batch {
			at := o.written
			if err := o.page(&batch[i], bodies[i], m); err != nil {
				return err
			}
			switch {
			case batch[i].header.Type == format.DictionaryPage:
				m.DictionaryPageOffset = at
				continue
			case m.DataPageOffset == 0:
				m.DataPageOffset = at
			}
			index.PageLocations = append(index.PageLocations, format.PageLocation{Offset: at, CompressedPageSize: int32(o.written - at), FirstRowIndex: row})
			row += int64(batch[i].rows)
		}
	}
	o.indexes = append(o.indexes, offsetIndex{index, chunk})
	return nil
}

// page writes a page, of which body is what becomes of it.
func (o *output) page(p *page, body []byte, m *format.ColumnMetaData) error {
	p.header.UncompressedPageSize, p.header.CompressedPageSize = int32(len(p.levels)+len(p.values)), int32(len(body))
	header, err := thrift.Marshal(&protocol, &p.header)
	if err != nil {
		return fmt.Errorf("encoding the header of a page: %w", err)
	}
	m.TotalCompressedSize += int64(len(header) + len(body))
	m.TotalUncompressedSize += int64(len(header)) + int64(p.header.UncompressedPageSize)
	return errors.Join(o.write(header), o.write(body))
}

// end writes what follows the pages.
func (o *output) end(meta *format.FileMetaData) error {
	for _, f := range o.filters {
		at := o.written
		if err := o.write(f.data); err != nil {
			return err
		}
		f.column.BloomFilterOffset, f.column.BloomFilterLength = at, int32(len(f.data))
	}
	for i := range o.indexes {
		x := &o.indexes[i]
		data, err := thrift.Marshal(&protocol, &x.OffsetIndex)
		if err != nil {
			return fmt.Errorf("encoding an offset index: %w", err)
		}
		x.chunk.OffsetIndexOffset, x.chunk.OffsetIndexLength = o.written, int32(len(data))
		if err := o.write(data); err != nil {
			return err
		}
	}
	footer, err := thrift.Marshal(&protocol, meta)
	if err != nil {
		return fmt.Errorf("encoding the footer of a segment: %w", err)
	}
	footer = binary.LittleEndian.AppendUint32(footer, uint32(len(footer)))
	if err := o.write(append(footer, magic...)); err != nil {
		return err
	}
	if err := o.to.Flush(); err != nil {
		return fmt.Errorf("writing a segment: %w", err)
	}
	return nil
}

func (o *output) write(data []byte) error {
	o.written += int64(len(data))
	if _, err := o.to.Write(data); err != nil {
		return fmt.Errorf("writing a segment: %w", err)
	}
	return nil
}

// chunkPages is the pages of a column of a row group.
type chunkPages struct {
	leaf   leaf
	pages  []page
	hashes []uint64 // of what a Bloom filter is to have
}

// page is a page before it is compressed.
type page struct {
	rows           int
	levels, values []byte
	header         format.PageHeader
}

func (p *page) body() []byte { return append(slices.Clip(p.levels), p.values...) }

// encodings are those of the pages.
func (c *chunkPages) encodings() (all []format.Encoding) {
	for i := range c.pages {
		p := &c.pages[i].header
		if p.Type == format.DataPage && !slices.Contains(all, p.DataPageHeader.V.Encoding) {
			all = append(all, p.DataPageHeader.V.Encoding)
		}
	}
	return all
}

// codecOf returns how a column is compressed: not at all where that is not worth it, as of
// random ids. Some readers, parquet-go for one, take the codec of a column in the first row
// group for that of all.
func (o *output) codecOf(c *chunkPages) (format.CompressionCodec, error) {
	codec, known := o.codecs[c.leaf.name]
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
	o.codecs[c.leaf.name] = codec
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
