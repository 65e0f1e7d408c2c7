// Package reject writes the file of rows that were not imported.
package reject

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
)

// Fault is what is wrong with a row. Codes are the API's where it has one.
type Fault struct {
	Column string // empty if the row as a whole is wrong
	Code   string // stable name of the error
	Reason string // for people
}

// Row is a row that was not imported.
type Row struct {
	File string
	Line int64 // where it starts in the file, from 1; for Parquet the row, from 1
	Fault
	Text []byte // as in the file; for Parquet as JSON. At most the first MiB is written
}

// maxText bounds how much of a row is written. No event has as much.
const maxText = 1 << 20

// Header is the first line of the file.
var Header = []string{"line", "column", "code", "reason", "row", "file"}

// ErrShort is returned by Open if the file has lost rows.
var ErrShort = errors.New("the reject file is shorter than the interrupted import left it")

// File is the CSV file of rejected rows.
type File struct {
	f      *os.File
	buffer *bufio.Writer
	csv    *csv.Writer
	length int64
}

// Open opens the file at path, creating it if missing, and truncates it to length:
// rows written after the last checkpoint are written again.
func Open(path string, length int64) (*File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the reject file: %w", err)
	}
	w := &File{f: f, length: length}
	if err := w.cut(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	w.buffer = bufio.NewWriter(counter{w})
	w.csv = csv.NewWriter(w.buffer)
	return w, nil
}

func (w *File) cut() error {
	info, err := w.f.Stat()
	if err != nil {
		return fmt.Errorf("opening the reject file: %w", err)
	}
	if info.Size() < w.length {
		return fmt.Errorf("%w: %s has %d of %d bytes", ErrShort, w.f.Name(), info.Size(), w.length)
	}
	if err := w.f.Truncate(w.length); err != nil {
		return fmt.Errorf("truncating the reject file: %w", err)
	}
	if _, err := w.f.Seek(w.length, io.SeekStart); err != nil {
		return fmt.Errorf("truncating the reject file: %w", err)
	}
	return nil
}

// Append writes rows, syncs them to disk and returns the file's new length.
func (w *File) Append(rows []Row) (int64, error) {
	if len(rows) == 0 {
		return w.length, nil
	}
	if w.length == 0 {
		_ = w.csv.Write(Header) // the writer keeps its first error for Error
	}
	for _, r := range rows {
		_ = w.csv.Write([]string{strconv.FormatInt(r.Line, 10), r.Column, r.Code, r.Reason, string(r.Text[:min(len(r.Text), maxText)]), r.File})
	}
	w.csv.Flush()
	if err := errors.Join(w.csv.Error(), w.buffer.Flush()); err != nil {
		return 0, fmt.Errorf("writing the reject file: %w", err)
	}
	if err := w.f.Sync(); err != nil {
		return 0, fmt.Errorf("writing the reject file: %w", err)
	}
	return w.length, nil
}

// Close closes the file and removes it if no row was rejected.
func (w *File) Close() error {
	err := w.f.Close()
	if w.length == 0 {
		err = errors.Join(err, os.Remove(w.f.Name()))
	}
	if err != nil {
		return fmt.Errorf("closing the reject file: %w", err)
	}
	return nil
}

// counter tracks the file's length.
type counter struct{ *File }

func (c counter) Write(p []byte) (int, error) {
	n, err := c.f.Write(p)
	c.length += int64(n)
	return n, err
}
