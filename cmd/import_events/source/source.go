// Package source reads events from files: CSV, NDJSON and Parquet.
package source

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"eventanalytics/cmd/import_events/reject"
)

// Record is an event in the file, or a row that is not one.
type Record struct {
	Line  int64         // where it starts, from 1; for Parquet the row, from 1
	Text  []byte        // as in the file; for Parquet as JSON
	Event []byte        // in the API's form, unchecked
	Fault *reject.Fault // if it cannot become an event
}

// Source is a file being read.
type Source interface {
	// Next returns the next record, or io.EOF. Other errors concern the file as a
	// whole: nothing more can be read.
	Next() (Record, error)
	// Skip skips the next n records.
	Skip(n int64) error
	// Progress returns how much of the file has been read.
	Progress() (done, of int64)
	// Unit is what Progress counts: bytes or rows.
	Unit() string
	Close() error
}

// ErrFormat is returned for a file whose name or header is not supported.
var ErrFormat = errors.New("not a file that can be imported")

// Open opens the file at path; its extension determines the format.
func Open(path string) (Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the file: %w", err)
	}
	s, err := open(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s: %w", path, err), f.Close())
	}
	return s, nil
}

func open(f *os.File) (Source, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	name := strings.ToLower(f.Name())
	compression := filepath.Ext(name)
	if compression != ".gz" && compression != ".zst" {
		compression = ""
	}
	format := filepath.Ext(strings.TrimSuffix(name, compression))
	if format == ".parquet" && compression == "" {
		return openParquet(f, info.Size())
	}
	if format != ".csv" && format != ".ndjson" && format != ".jsonl" {
		return nil, fmt.Errorf("%w: the name must end in .csv, .ndjson or .jsonl (or these with .gz or .zst) or .parquet", ErrFormat)
	}
	in, err := openText(f, info.Size(), compression)
	if err != nil {
		return nil, err
	}
	if format == ".csv" {
		return openCSV(in)
	}
	return &ndjson{text: in}, nil
}

// text is a text file, decompressed.
type text struct {
	file   *os.File
	size   int64
	read   int64
	plain  *bufio.Reader
	finish func()
}

func openText(f *os.File, size int64, compression string) (*text, error) {
	t := &text{file: f, size: size, finish: func() {}}
	var plain io.Reader = counted{t}
	switch compression {
	case ".gz":
		z, err := gzip.NewReader(plain)
		if err != nil {
			return nil, fmt.Errorf("decompressing: %w", err)
		}
		plain = z
	case ".zst":
		z, err := zstd.NewReader(plain, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, fmt.Errorf("decompressing: %w", err)
		}
		plain, t.finish = z, z.Close
	}
	t.plain = bufio.NewReaderSize(plain, 256<<10)
	const mark = "\ufeff" // some programs start UTF-8 files with it
	if head, _ := t.plain.Peek(len(mark)); string(head) == mark {
		_, _ = t.plain.Discard(len(mark)) // they are in the buffer
	}
	return t, nil
}

func (t *text) Progress() (done, of int64) { return t.read, t.size }

func (t *text) Unit() string { return "bytes" }

func (t *text) Close() error {
	t.finish()
	return t.file.Close()
}

// counted reads the file and counts the bytes.
type counted struct{ *text }

func (c counted) Read(p []byte) (int, error) {
	n, err := c.file.Read(p)
	c.read += int64(n)
	return n, err
}

// skip discards n records: only reading shows where a record ends.
func skip(s Source, n int64) error {
	for range n {
		if _, err := s.Next(); err != nil {
			return fmt.Errorf("skipping what is already imported: %w", err)
		}
	}
	return nil
}
