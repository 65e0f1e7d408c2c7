package warehouse

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"eventanalytics/pkg/platform/failpoint"
)

// A segment's files are <project>/<epoch>-<id>.parquet and .rollup; the ids rise
// with time.
var pathPattern = regexp.MustCompile(`^[0-9]+/([0-9]+)-[0-9a-f]{32}\.(parquet|rollup)$`)

func newName(project, epoch int64) string {
	id := strings.ReplaceAll(uuid.Must(uuid.NewV7()).String(), "-", "")
	return fmt.Sprintf("%d/%d-%s.parquet", project, epoch, id)
}

// EpochOf returns the epoch in the path of a segment's file, or false for a
// path this package does not make.
func EpochOf(path string) (int64, bool) {
	match := pathPattern.FindStringSubmatch(path)
	if match == nil {
		return 0, false
	}
	epoch, err := strconv.ParseInt(match[1], 10, 64)
	return epoch, err == nil
}

// seal makes a complete temporary file the one at path, so that it is either
// there as a whole after a crash or not at all, and returns its size and hash.
// The name survives a crash once the folder is synced. DuckDB does not fsync.
func seal(tmp, path string, mode os.FileMode) (size int64, sum [32]byte, err error) {
	f, err := os.OpenFile(tmp, os.O_RDWR, 0)
	if err != nil {
		return 0, sum, fmt.Errorf("sealing a segment: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Chmod(mode); err != nil {
		return 0, sum, fmt.Errorf("sealing a segment: %w", err)
	}
	if err := failpoint.Hit(failpoint.SegmentBeforeSync); err != nil {
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
	if err := failpoint.Hit(failpoint.SegmentBeforeRename); err != nil {
		return 0, sum, err
	}
	if err := os.Rename(tmp, path); err != nil {
		return 0, sum, fmt.Errorf("publishing a segment: %w", err)
	}
	return size, sum, nil
}

// segmentMode lets other users' replicas and tools read the files.
const segmentMode = 0o644

// makeFolders makes a folder, and those above it that are missing, so that they
// survive a crash. Other users' replicas and tools read them.
func makeFolders(path string) error {
	err := os.Mkdir(path, 0o755) //nolint:gosec // see above
	if errors.Is(err, os.ErrNotExist) {
		if err := makeFolders(filepath.Dir(path)); err != nil {
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
	return syncFolder(filepath.Dir(path))
}

func syncFolder(folder string) (err error) {
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
