package warehouse

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"eventanalytics/pkg/warehouse/rollup"
)

// Verify reads a segment's Parquet file below the warehouse folder dir and
// compares it with the manifest. The error is ErrQuarantined when the file is
// missing (then it is fs.ErrNotExist, too) or differs.
func Verify(dir string, segment Segment) error {
	return verify(dir, segment.Path, segment.Bytes, segment.SHA256)
}

// VerifyRollUp is Verify of a segment's roll-up. Segments without one pass.
func VerifyRollUp(dir string, segment Segment) error {
	if segment.RollUp == nil {
		return nil
	}
	return verify(dir, segment.RollUpPath(), segment.RollUp.Bytes, segment.RollUp.SHA256)
}

func verify(dir, path string, size int64, sum [32]byte) error {
	f, err := openWhole(dir, path, size)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("%w: %w", ErrQuarantined, err)
	}
	if [32]byte(h.Sum(nil)) != sum {
		return fmt.Errorf("%w: the hash of %s is not the manifest's", ErrQuarantined, path)
	}
	return nil
}

// VerifySize is Verify without reading the file: it finds those that are missing
// or cut short.
func VerifySize(dir string, segment Segment) error {
	return verifySize(dir, segment.Path, segment.Bytes)
}

// VerifyRollUpSize is VerifySize of a segment's roll-up.
func VerifyRollUpSize(dir string, segment Segment) error {
	if segment.RollUp == nil {
		return nil
	}
	return verifySize(dir, segment.RollUpPath(), segment.RollUp.Bytes)
}

func verifySize(dir, path string, size int64) error {
	f, err := openWhole(dir, path, size)
	if err != nil {
		return err
	}
	return f.Close()
}

// openWhole opens a segment's file when it has the right size.
func openWhole(dir, path string, size int64) (*os.File, error) {
	if _, ok := EpochOf(path); !ok {
		return nil, fmt.Errorf("%w: %q is not a segment's path", ErrQuarantined, path)
	}
	f, err := os.Open(filepath.Join(dir, path))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrQuarantined, err)
	}
	info, err := f.Stat()
	if err == nil && info.Size() != size {
		err = fmt.Errorf("%s has %d bytes, the manifest says %d", path, info.Size(), size)
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("%w: %w", ErrQuarantined, err)
	}
	return f, nil
}

// readRollUp reads a segment's roll-up, which check verifies.
func readRollUp(dir string, segment Segment, check func() error) (*rollup.File, error) {
	if segment.RollUp == nil {
		return nil, fmt.Errorf("segment %s has no roll-up", segment.Path)
	}
	f, err := rollup.Read(rollUpSource{filepath.Join(dir, segment.RollUpPath()), check}, segment.RollUp.Bytes)
	if err == nil && (f.Project != segment.ProjectID || f.Events != uint64(segment.Events)) {
		err = fmt.Errorf("%w: it is of %d events of project %d", rollup.ErrFormat, f.Events, f.Project)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrQuarantined, segment.RollUpPath(), err)
	}
	return f, nil
}

// rollUpSource is a segment's roll-up on disk.
type rollUpSource struct {
	path string
	// check returns what is wrong with the file. It is called for each opened one:
	// what is read later must be what was verified.
	check func() error
}

func (s rollUpSource) Open() (rollup.ReadAtCloser, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrQuarantined, err)
	}
	if err := s.check(); err != nil {
		_ = f.Close() // nothing was written
		return nil, err
	}
	return f, nil
}

// rollUpBytes is a roll-up without a file.
type rollUpBytes []byte

func (s rollUpBytes) Open() (rollup.ReadAtCloser, error) {
	return struct {
		*bytes.Reader
		io.Closer
	}{bytes.NewReader(s), io.NopCloser(nil)}, nil
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
