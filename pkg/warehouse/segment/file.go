package segment

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"eventanalytics/pkg/platform/failpoint"
)

// Seal makes a complete temporary file the one at path, so that after a crash it
// is either there as a whole or not at all, and returns its size and hash. The
// name survives a crash once the folder is synced. DuckDB does not fsync.
func Seal(tmp, path string, mode os.FileMode) (size int64, sum [32]byte, err error) {
	return seal(tmp, path, mode, points{failpoint.SegmentBeforeSync, failpoint.SegmentBeforeRename})
}

// points are the failpoints that a file passes while it is sealed.
type points struct{ sync, rename failpoint.Name }

func seal(tmp, path string, mode os.FileMode, at points) (size int64, sum [32]byte, err error) {
	f, err := os.OpenFile(tmp, os.O_RDWR, 0)
	if err != nil {
		return 0, sum, fmt.Errorf("sealing a segment: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Chmod(mode); err != nil {
		return 0, sum, fmt.Errorf("sealing a segment: %w", err)
	}
	if err := failpoint.Hit(at.sync); err != nil {
		return 0, sum, err
	}
	if err := f.Sync(); err != nil {
		return 0, sum, fmt.Errorf("sealing a segment: %w", err)
	}
	h := sha256.New()
	if size, err = io.Copy(h, f); err != nil {
		return 0, sum, fmt.Errorf("hashing a segment: %w", err)
	}
	h.Sum(sum[:0])
	if err := failpoint.Hit(at.rename); err != nil {
		return 0, sum, err
	}
	if err := os.Rename(tmp, path); err != nil {
		return 0, sum, fmt.Errorf("publishing a segment: %w", err)
	}
	return size, sum, nil
}

// MakeFolders creates a folder and its missing parents so that they survive a
// crash. Other users' replicas and tools read them.
func MakeFolders(path string) error {
	err := os.Mkdir(path, 0o755) //nolint:gosec // see above
	if errors.Is(err, os.ErrNotExist) {
		if err := MakeFolders(filepath.Dir(path)); err != nil {
			return err
		}
		err = os.Mkdir(path, 0o755) //nolint:gosec // see above
	}
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	return SyncFolder(filepath.Dir(path))
}

// SyncFolder makes the names in a folder survive a crash.
func SyncFolder(folder string) (err error) {
	f, err := os.Open(folder)
	if err != nil {
		return fmt.Errorf("syncing a folder: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("syncing a folder: %w", err)
	}
	return nil
}
