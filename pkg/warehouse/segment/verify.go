package segment

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// ErrQuarantined is returned when a file that is needed is missing or not what
// the manifest says: no answer rather than a part of it.
var ErrQuarantined = errors.New("segment is damaged")

// Verify reads a segment's Parquet file below the warehouse folder dir and
// compares it with the manifest, as VerifyFile does.
func Verify(dir string, s Segment) error { return VerifyFile(dir, s.EventsFile()) }

// VerifyFile reads a file below the warehouse folder dir and compares it with the
// manifest. The error is ErrQuarantined when the file differs or is missing; in the
// latter case it is also fs.ErrNotExist.
func VerifyFile(dir string, file File) error {
	f, err := openWhole(dir, file)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("%w: %w", ErrQuarantined, err)
	}
	if [32]byte(h.Sum(nil)) != file.SHA256 {
		return fmt.Errorf("%w: the hash of %s is not the manifest's", ErrQuarantined, file.Path)
	}
	return nil
}

// VerifyFileSize is VerifyFile without reading the file: it finds those that are missing
// or cut short.
func VerifyFileSize(dir string, file File) error {
	f, err := openWhole(dir, file)
	if err != nil {
		return err
	}
	return f.Close()
}

// openWhole opens a segment's file when it has the right size.
func openWhole(dir string, file File) (*os.File, error) {
	if _, ok := EpochOf(file.Path); !ok {
		return nil, fmt.Errorf("%w: %q is not a segment's path", ErrQuarantined, file.Path)
	}
	f, err := os.Open(filepath.Join(dir, file.Path))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrQuarantined, err)
	}
	info, err := f.Stat()
	if err == nil && info.Size() != file.Bytes {
		err = fmt.Errorf("%s has %d bytes, the manifest says %d", file.Path, info.Size(), file.Bytes)
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("%w: %w", ErrQuarantined, err)
	}
	return f, nil
}
