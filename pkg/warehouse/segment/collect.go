package segment

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"eventanalytics/pkg/platform/failpoint"
)

// Files lists the segment files below the warehouse folder dir, by their paths
// below it, that were last written before cutoff and have an epoch of at most
// maxEpoch. It is for finding files that the manifest does not name.
func Files(dir string, cutoff time.Time, maxEpoch int64) ([]string, error) {
	var paths []string
	err := WalkFiles(dir, func(path string, epoch int64, entry fs.DirEntry) error {
		if epoch > maxEpoch {
			return nil
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it has just been deleted
		}
		if err == nil && info.ModTime().Before(cutoff) {
			paths = append(paths, path)
		}
		return err
	})
	return paths, err
}

// WalkFiles calls each for the segment files below the warehouse folder dir,
// with their paths below it, in the order of the paths' text. Other files are
// left out.
func WalkFiles(dir string, each func(path string, epoch int64, entry fs.DirEntry) error) error {
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path != "." {
			return nil // it has just been deleted
		}
		if err != nil {
			return err
		}
		if epoch, ours := EpochOf(path); ours && !entry.IsDir() {
			return each(path, epoch, entry)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("listing segment files: %w", err)
	}
	return nil
}

// Remove deletes files of segments, below the warehouse folder dir, that the
// manifest no longer names. Those that are already gone are no error.
func Remove(dir string, paths ...string) error {
	var errs []error
	for _, path := range paths {
		if err := os.Remove(filepath.Join(dir, path)); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("removing a segment: %w", err))
		}
		if err := failpoint.Hit(failpoint.CollectMidway); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}

// RemoveTemporary deletes what crashed writers left in the TemporaryFolder of dir
// and was last written before cutoff, except the entry named inUse. It returns how
// many entries it deleted.
func RemoveTemporary(dir string, cutoff time.Time, inUse string) (int, error) {
	folder := TemporaryFolder(dir)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return 0, fmt.Errorf("listing temporary files: %w", err)
	}
	n := 0
	var errs []error
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.ModTime().Before(cutoff) || entry.Name() == inUse {
			continue // one that has just been deleted was not left behind
		}
		if err := os.RemoveAll(filepath.Join(folder, entry.Name())); err != nil {
			errs = append(errs, fmt.Errorf("removing temporary files: %w", err))
			continue
		}
		n++
	}
	return n, errors.Join(errs...)
}
