// Package source reads rows from files: CSV, NDJSON, JSON and Parquet.
package source

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"eventanalytics/cmd/import_events/reject"
	"eventanalytics/cmd/import_events/row"
)

// Record is a row of a file, or what should be one.
type Record struct {
	File   *File
	Number int64         // of the record in its file, from 1
	Line   int64         // where it starts, from 1; for Parquet the row, from 1
	Text   []byte        // as in the file; for Parquet as JSON
	Row    row.Row       // of a table; valid until the next record is read
	JSON   []byte        // of a file of JSON, unchecked; empty for a table
	Fault  *reject.Fault // why it is no row, or no event

	// Set by whoever makes an event of the row.
	Event   []byte // in the API's form, unchecked
	Skipped bool   // it is not meant to be one
}

// Source is a file being read, or several.
type Source interface {
	// Next returns the next record, or io.EOF. Other errors concern the file as a
	// whole: nothing more can be read.
	Next() (Record, error)
	// Skip skips the next n records.
	Skip(n int64) error
	// Progress returns how much of the file has been read; of is 0 if that is unknown.
	Progress() (done, of int64)
	// Unit is what Progress counts: bytes or rows.
	Unit() string
	Close() error
}

// ErrFormat is returned for a file whose name or header is not supported.
var ErrFormat = errors.New("not a file that can be imported")

// Format of a file.
type Format string

// The formats.
const (
	CSV     Format = "csv"
	NDJSON  Format = "ndjson"
	JSON    Format = "json" // an array, or one value after the other
	Parquet Format = "parquet"
)

// Column of a table.
type Column struct {
	Name string
	Kind row.Kind // of its values, when all have the same; else None
	Type string   // of a Parquet file
}

// Options say how files are read. The zero Options go by the files' names.
type Options struct {
	Format   Format // of all files, whatever their names
	Fallback Format // of files whose names say nothing
	Dialect  Dialect
	// Columns of a CSV file that does not name them in its first line.
	Columns []string
	// Check refuses a table for its columns. Nil takes any.
	Check func([]Column) error
	// Hash fills File.SHA256, for which each file is read once more.
	Hash bool
	// Note hears what was found out about a file. Nil for nobody.
	Note func(string)
}

func (o *Options) check(columns []Column) error {
	for i, c := range columns {
		if slices.ContainsFunc(columns[:i], func(other Column) bool { return other.Name == c.Name }) {
			return fmt.Errorf("%w: the column %q is there twice", ErrFormat, c.Name)
		}
	}
	if o.Check == nil {
		return nil
	}
	if err := o.Check(columns); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return nil
}

// Stdin is the name of the standard input.
const Stdin = "-"

// Open opens the files at paths, which are read one after the other.
func Open(paths []string, o Options) (Source, error) {
	if len(paths) == 1 {
		return openOne(paths[0], o)
	}
	return openMany(paths, o)
}

// open opens one file; its extension determines the format unless o does.
func open(path string, f *os.File, o Options) (Source, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	name := strings.ToLower(path)
	compression := filepath.Ext(name)
	if compression != ".gz" && compression != ".zst" {
		compression = ""
	}
	extension := filepath.Ext(strings.TrimSuffix(name, compression))
	format := o.format(extension)
	switch {
	case format == Parquet && (compression != "" || path == Stdin):
		return nil, fmt.Errorf("%w: Parquet is read from a file that is not compressed as a whole", ErrFormat)
	case format == Parquet:
		return openParquet(f, info.Size(), o)
	case format == "" && path == Stdin:
		return nil, fmt.Errorf("%w: say with --format what comes on the standard input", ErrFormat)
	case format == "":
		return nil, fmt.Errorf("%w: the name must end in .csv, .tsv, .ndjson, .jsonl or .json (or these with .gz or .zst) or .parquet; or say --format", ErrFormat)
	}
	size := info.Size()
	if !info.Mode().IsRegular() {
		size = 0
	}
	in, err := openText(f, size, compression)
	if err != nil {
		return nil, err
	}
	switch format {
	case CSV:
		if extension == ".tsv" && o.Dialect.Comma == 0 {
			o.Dialect.Comma = '\t'
		}
		return openCSV(in, o)
	case JSON:
		return openJSON(in)
	}
	return &ndjson{text: in}, nil
}

func (o *Options) format(extension string) Format {
	if o.Format != "" {
		return o.Format
	}
	switch extension {
	case ".csv", ".tsv":
		return CSV
	case ".ndjson", ".jsonl":
		return NDJSON
	case ".json":
		return JSON
	case ".parquet":
		return Parquet
	}
	return o.Fallback
}

// Skip discards n records by reading them: of most files only that shows where a record
// ends.
func Skip(s Source, n int64) error {
	for range n {
		if _, err := s.Next(); err != nil {
			return skipping(err)
		}
	}
	return nil
}

func skipping(err error) error { return fmt.Errorf("skipping what is already imported: %w", err) }
