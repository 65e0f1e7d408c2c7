package segment

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"eventanalytics/pkg/warehouse/pages"
)

// ReadEvents calls each with the events in some rows of a segment's Parquet file, which
// must be whole. The error is ErrQuarantined, or pages.ErrWhole for a file of an earlier
// version, of which single rows cannot be read.
func (i *Integrity) ReadEvents(ctx context.Context, s Segment, rows []uint32, of pages.Columns, each func(row uint32, e pages.Event) error) error {
	return i.withPages(ctx, s, func(f *pages.File, r *os.File) error { return f.Events(ctx, r, rows, of, each) })
}

// FindEvent returns the row of the event with an id in a segment's Parquet file. Errors are
// those of ReadEvents.
func (i *Integrity) FindEvent(ctx context.Context, s Segment, id uuid.UUID) (row uint32, found bool, err error) {
	err = i.withPages(ctx, s, func(f *pages.File, r *os.File) (err error) {
		row, found, err = f.Find(ctx, r, id)
		return err
	})
	return row, found, err
}

// CheckPages says whether single events of a segment's Parquet file can be read and found
// as they are there. The error is ErrQuarantined when they cannot; a file of an earlier
// version, of which that is not asked, has none.
func (i *Integrity) CheckPages(ctx context.Context, s Segment) error {
	err := i.withPages(ctx, s, func(f *pages.File, r *os.File) error { return f.Check(ctx, r) })
	if errors.Is(err, pages.ErrWhole) {
		return nil
	}
	return err
}

// withPages reads a segment's Parquet file. Where its pages are is kept until the file is
// forgotten.
func (i *Integrity) withPages(ctx context.Context, s Segment, read func(*pages.File, *os.File) error) (err error) {
	release, err := i.Hold(ctx, s.ProjectID, s.EventsFile())
	if err != nil {
		return err
	}
	defer release()
	if err := i.Check(s.EventsFile()); err != nil {
		return err
	}
	path := filepath.Join(i.dir, s.Path)
	r, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrQuarantined, err)
	}
	defer r.Close()
	f, err := i.pagesOf(s, r)
	if err == nil {
		err = read(f, r)
	}
	if errors.Is(err, pages.ErrDamaged) {
		err = fmt.Errorf("%w: %s: %w", ErrQuarantined, s.Path, err)
	}
	if err == nil {
		err = i.Check(s.EventsFile()) // it was not replaced in between
	}
	return err
}

// pagesOf returns where the pages of a segment's Parquet file are, which is open.
func (i *Integrity) pagesOf(s Segment, r *os.File) (*pages.File, error) {
	i.mu.Lock()
	checked := i.files[s.Path]
	i.mu.Unlock()
	if checked == nil { // it was forgotten a moment ago
		checked = &checkedFile{}
	}
	checked.mu.Lock()
	defer checked.mu.Unlock()
	if checked.pages == nil || checked.pages.info != checked.info {
		f, err := pages.Read(r, s.Bytes)
		if err != nil && !errors.Is(err, pages.ErrWhole) {
			return nil, err
		}
		if err == nil && (f.Project() != s.ProjectID || int64(f.Rows()) != s.Events) {
			return nil, fmt.Errorf("%w: it has %d events of project %d", pages.ErrDamaged, f.Rows(), f.Project())
		}
		checked.pages = &openPages{f, err, checked.info}
	}
	return checked.pages.file, checked.pages.whole
}

// openPages is where the pages of a file are.
type openPages struct {
	file  *pages.File
	whole error       // they are not small
	info  os.FileInfo // of the file
}
