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
// compares it with the manifest. The error is ErrQuarantined when the file
// differs or is missing; in the latter case it is also fs.ErrNotExist.
func Verify(dir string, s Segment) error {
	return verify(dir, s.Path, s.Bytes, s.SHA256)
}

// VerifyRollUp is Verify of a segment's roll-up. Segments without one pass.
func VerifyRollUp(dir string, s Segment) error {
	if s.RollUp == nil {
		return nil
	}
	return verify(dir, s.RollUpPath(), s.RollUp.Bytes, s.RollUp.SHA256)
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
func VerifySize(dir string, s Segment) error {
	return verifySize(dir, s.Path, s.Bytes)
}

// VerifyRollUpSize is VerifySize of a segment's roll-up.
func VerifyRollUpSize(dir string, s Segment) error {
	if s.RollUp == nil {
		return nil
	}
	return verifySize(dir, s.RollUpPath(), s.RollUp.Bytes)
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
