// Package pages writes the Parquet files of segments, in small pages, so that single rows can
// be read without the thousands around them: a File finds and reads these. Any other reader
// of Parquet also reads the files.
package pages

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

var (
	// ErrWhole is returned for a Parquet file whose pages are not small, as those of
	// earlier versions.
	ErrWhole = errors.New("the file is not in small pages")
	// ErrDamaged is returned for what is no Parquet file, or says of itself what is not so.
	ErrDamaged = errors.New("the file of events is damaged")
)

const (
	// pageBytes is how large a page becomes before it is compressed, by more than one
	// value at most. Of the usual events it has the properties of a thousand.
	pageBytes = 128 << 10
	// idPageBytes is that of ids, which are not compressed: smaller pages cost nothing.
	idPageBytes = 16 << 10
	// maxPage bounds what a reader takes memory for. An event has at most 1 MiB, and a
	// dictionary no more than a row group.
	maxPage = 128 << 20
)

const (
	magic   = "PAR1"
	tail    = 8       // length of the footer, magic
	maxMeta = 1 << 30 // bytes of a footer
)

var protocol thrift.CompactProtocol

// readFooter reads what a Parquet file of some size says of itself.
func readFooter(r io.ReaderAt, size int64) (*format.FileMetaData, error) {
	length, err := footerLength(r, size)
	if err != nil {
		return nil, err
	}
	data := make([]byte, length)
	if _, err := r.ReadAt(data, size-tail-length); err != nil {
		return nil, fmt.Errorf("reading the footer of a segment: %w", err)
	}
	meta := &format.FileMetaData{}
	if err := thrift.Unmarshal(&protocol, data, meta); err != nil {
		return nil, fmt.Errorf("%w: its footer: %w", ErrDamaged, err)
	}
	return meta, nil
}

// footerLength returns how many bytes that has.
func footerLength(r io.ReaderAt, size int64) (int64, error) {
	var end [tail]byte
	if size < int64(len(magic))+tail {
		return 0, fmt.Errorf("%w: it has %d bytes", ErrDamaged, size)
	}
	if _, err := r.ReadAt(end[:], size-tail); err != nil {
		return 0, fmt.Errorf("reading the end of a segment: %w", err)
	}
	length := int64(binary.LittleEndian.Uint32(end[:]))
	if string(end[4:]) != magic || length > min(size-tail-int64(len(magic)), maxMeta) {
		return 0, fmt.Errorf("%w: it has no footer", ErrDamaged)
	}
	return length, nil
}

// leaf is a column, as the schema has it.
type leaf struct {
	name     string
	kind     format.Type
	width    int // bytes of a value, 0 where each has its own length
	optional bool
}

// leavesOf returns the columns of a file, none of which may be within another.
func leavesOf(meta *format.FileMetaData) ([]leaf, error) {
	var leaves []leaf
	for i := 1; i < len(meta.Schema); i++ { // the first is the root
		l, err := leafOf(&meta.Schema[i])
		if err != nil {
			return nil, err
		}
		leaves = append(leaves, l)
	}
	return leaves, nil
}

// widths are those of values, 0 where each has its own length.
var widths = map[format.Type]int{format.Int32: 4, format.Int64: 8, format.Float: 4, format.Double: 8, format.Int96: 12, format.ByteArray: 0}

func leafOf(e *format.SchemaElement) (leaf, error) {
	l := leaf{name: e.Name, kind: e.Type.V, optional: e.RepetitionType.V == format.Optional}
	width, known := widths[l.kind]
	if l.kind == format.FixedLenByteArray {
		width, known = int(e.TypeLength.V), e.TypeLength.V > 0
	}
	l.width = width
	return l, badIf(!e.Type.Valid || !known || e.RepetitionType.V == format.Repeated, "the column %q is not flat", e.Name)
}

// readPage reads the header at the beginning of data, and returns the bytes of the page
// behind it and what follows.
func readPage(data []byte) (header format.PageHeader, body, rest []byte, err error) {
	from := &reader{data: data}
	if err := thrift.NewDecoder(protocol.NewReader(from)).Decode(&header); err != nil {
		return header, nil, nil, fmt.Errorf("%w: the header of a page: %w", ErrDamaged, err)
	}
	n := int64(header.CompressedPageSize)
	if n < 0 || n > int64(len(from.data)) || header.UncompressedPageSize < 0 || header.UncompressedPageSize > maxPage {
		return header, nil, nil, fmt.Errorf("%w: a page of %d bytes", ErrDamaged, n)
	}
	return header, from.data[:n], from.data[n:], nil
}

// reader reads bytes, and knows which are left.
type reader struct{ data []byte }

func (r *reader) Read(p []byte) (int, error) {
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.data)
	r.data = r.data[n:]
	return n, nil
}

func (r *reader) ReadByte() (byte, error) {
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	b := r.data[0]
	r.data = r.data[1:]
	return b, nil
}

// Of the levels of compression this one's files are as large as those of DuckDB, whose
// pages are a hundred times as long.
var packer = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderCRC(false), zstd.WithWindowSize(2*pageBytes))
})

var unpacker = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxPage))
})

// unpack returns the bytes of a page as they were before they were compressed, which may be
// in the memory of to.
func unpack(codec format.CompressionCodec, header *format.PageHeader, body []byte, to *[]byte) ([]byte, error) {
	switch codec {
	case format.Uncompressed:
	case format.Zstd:
		z, err := unpacker()
		if err != nil {
			return nil, err
		}
		*to = slices.Grow((*to)[:0], min(int(header.UncompressedPageSize), 8*pageBytes))
		if *to, err = z.DecodeAll(body, *to); err != nil {
			return nil, fmt.Errorf("%w: unpacking a page: %w", ErrDamaged, err)
		}
		body = *to
	default:
		return nil, badIf(true, "a page is compressed by %s", codec)
	}
	if len(body) != int(header.UncompressedPageSize) {
		return nil, fmt.Errorf("%w: a page of %d bytes has %d", ErrDamaged, header.UncompressedPageSize, len(body))
	}
	return body, nil
}
