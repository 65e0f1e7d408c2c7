package pages

import (
	"bufio"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/format"
)

// FieldIDs returns the ids that the columns of a Parquet file of some size have, by their
// names; 0 where one has none. The error is ErrDamaged when the file is none.
func FieldIDs(r io.ReaderAt, size int64) (map[string]int32, error) {
	meta, err := readFooter(r, size)
	if err != nil {
		return nil, err
	}
	leaves, err := leavesOf(meta)
	if err != nil {
		return nil, err
	}
	ids := make(map[string]int32, len(leaves))
	for i, l := range leaves {
		ids[l.name] = meta.Schema[i+1].FieldID
	}
	return ids, nil
}

// Identify copies a Parquet file of some size and gives its columns ids, by their names. All
// but the footer stays as it is. The error is ErrDamaged when the file is none, or has a
// column without an id in ids.
func Identify(r io.ReaderAt, size int64, to io.Writer, ids map[string]int32) error {
	meta, err := readFooter(r, size)
	if err != nil {
		return err
	}
	if err := identify(meta, ids); err != nil {
		return err
	}
	length, err := footerLength(r, size)
	if err != nil {
		return err
	}
	o := &output{to: bufio.NewWriterSize(to, 256<<10)}
	if _, err := io.Copy(o.to, io.NewSectionReader(r, 0, size-tail-length)); err != nil {
		return fmt.Errorf("copying a segment: %w", err)
	}
	return o.end(meta)
}

// identify gives the columns of a file their ids.
func identify(meta *format.FileMetaData, ids map[string]int32) error {
	for i := 1; i < len(meta.Schema); i++ { // the first is the root
		e := &meta.Schema[i]
		if e.FieldID = ids[e.Name]; e.FieldID <= 0 {
			return badIf(true, "its column %q has no id", e.Name)
		}
	}
	return nil
}
