package segment

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"eventanalytics/pkg/platform/failpoint"
)

// Files lists the segment files that were last written before cutoff and have an epoch of
// at most maxEpoch, by their paths. It is for finding files that the manifest does not name.
func (f *Folder) Files(ctx context.Context, cutoff time.Time, maxEpoch int64) ([]string, error) {
	var paths []string
	err := f.Walk(ctx, func(file Found) error {
		if file.Epoch > maxEpoch {
			return nil
		}
		written, err := file.Written()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it has just been deleted
		}
		if err == nil && written.Before(cutoff) {
			paths = append(paths, file.Path)
		}
		return err
	})
	return paths, err
}

// Found is a segment file that Walk comes to.
type Found struct {
	Path  string
	Epoch int64
	// Bytes and Written ask for the size and for when it was last written, in a bucket by
	// its clock. The error is fs.ErrNotExist when it has just been deleted.
	Bytes   func() (int64, error)
	Written func() (time.Time, error)
}

// Walk calls each for the segment files that there are, in the bucket if there is one, in
// the order of their paths' text. Other files are left out.
func (f *Folder) Walk(ctx context.Context, each func(Found) error) error {
	var err error
	if f.HasBucket() {
		err = f.bucket.List(ctx, func(path string, bytes int64, written time.Time) error {
			epoch, ours := EpochOf(path)
			if !ours {
				return nil
			}
			return each(Found{path, epoch, func() (int64, error) { return bytes, nil }, func() (time.Time, error) { return written, nil }})
		})
	} else {
		err = f.walk(each)
	}
	if err != nil {
		return fmt.Errorf("listing segment files: %w", err)
	}
	return nil
}

func (f *Folder) walk(each func(Found) error) error {
	return fs.WalkDir(os.DirFS(f.dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path != "." {
			return nil // it has just been deleted
		}
		if err != nil {
			return err
		}
		epoch, ours := EpochOf(path)
		if !ours || entry.IsDir() {
			return nil
		}
		return each(Found{path, epoch, func() (int64, error) {
			info, err := entry.Info()
			if err != nil {
				return 0, err
			}
			return info.Size(), nil
		}, func() (time.Time, error) {
			info, err := entry.Info()
			if err != nil {
				return time.Time{}, err
			}
			return info.ModTime(), nil
		}})
	})
}

// Remove deletes files of segments that the manifest no longer names. Those that are
// already gone are no error.
func (f *Folder) Remove(ctx context.Context, paths ...string) error {
	var errs []error
	for first := true; len(paths) > 0; first = false {
		n := 1
		if f.HasBucket() && !first { // the first alone, so that there is a midway
			n = min(removedAtOnce, len(paths))
		}
		err := f.remove(ctx, paths[:n])
		if errors.Is(err, ErrUnavailable) {
			return err // what is left over are orphans: each request would take as long
		}
		errs = append(errs, err)
		if err := failpoint.Hit(failpoint.CollectMidway); err != nil {
			return err
		}
		paths = paths[n:]
	}
	return errors.Join(errs...)
}

// removedAtOnce is how many objects one request removes, the protocol's maximum.
const removedAtOnce = 1000

func (f *Folder) remove(ctx context.Context, paths []string) error {
	if f.HasBucket() {
		return errors.Join(f.bucket.Remove(ctx, paths...), f.copies.Drop(paths...))
	}
	for _, path := range paths {
		if err := os.Remove(filepath.Join(f.dir, path)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("removing a segment: %w", err)
		}
	}
	return nil
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
