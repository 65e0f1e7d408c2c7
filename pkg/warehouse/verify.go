package warehouse

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Verify reads a segment's file below the warehouse folder dir and compares it
// with the manifest. The error is ErrQuarantined when the file is missing (then
// it is fs.ErrNotExist, too) or differs.
func Verify(dir string, segment Segment) error {
	f, err := openWhole(dir, segment)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("%w: %w", ErrQuarantined, err)
	}
	if [32]byte(h.Sum(nil)) != segment.SHA256 {
		return fmt.Errorf("%w: the hash of %s is not the manifest's", ErrQuarantined, segment.Path)
	}
	return nil
}

// VerifySize is Verify without reading the file: it finds those that are missing
// or cut short.
func VerifySize(dir string, segment Segment) error {
	f, err := openWhole(dir, segment)
	if err != nil {
		return err
	}
	return f.Close()
}

// openWhole opens a segment's file when it has the right size.
func openWhole(dir string, segment Segment) (*os.File, error) {
	if _, ok := EpochOf(segment.Path); !ok {
		return nil, fmt.Errorf("%w: %q is not a segment's path", ErrQuarantined, segment.Path)
	}
	f, err := os.Open(filepath.Join(dir, segment.Path))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrQuarantined, err)
	}
	info, err := f.Stat()
	if err == nil && info.Size() != segment.Bytes {
		err = fmt.Errorf("%s has %d bytes, the manifest says %d", segment.Path, info.Size(), segment.Bytes)
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("%w: %w", ErrQuarantined, err)
	}
	return f, nil
}

// VerifyEvents compares the number of events that a segment's file has by its
// footer with the manifest. It is no substitute for Verify.
func (db *DB) VerifyEvents(ctx context.Context, segment Segment) error {
	var n int64
	err := db.db.QueryRowContext(ctx, "SELECT num_rows FROM parquet_file_metadata("+quote(filepath.Join(db.dir, segment.Path))+")").Scan(&n)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("%w: reading its footer: %w", ErrQuarantined, err)
	}
	if n != segment.Events {
		return fmt.Errorf("%w: %s has %d events, the manifest says %d", ErrQuarantined, segment.Path, n, segment.Events)
	}
	return nil
}
