package segment

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"time"

	"github.com/google/uuid"

	"eventanalytics/pkg/warehouse/cache"
)

// Tables of other engines are published over segments by files of metadata, beside these:
// <project>/metadata/<name>. Like all files here they are written once and never changed.
var metadataPattern = regexp.MustCompile(`^([0-9]{1,19}/metadata)/[0-9A-Za-z._-]{1,200}\.(json|avro)$`)

// maxMetadata bounds a file of metadata, in bytes.
const maxMetadata = 64 << 20

// WriteMetadata makes a file of metadata, whole and on disk or in the bucket when it returns.
func (f *Folder) WriteMetadata(ctx context.Context, name string, data []byte) (err error) {
	match := metadataPattern.FindStringSubmatch(name)
	if match == nil || len(data) > maxMetadata {
		return fmt.Errorf("writing metadata: %q cannot be a file of %d bytes", name, len(data))
	}
	tmp := Temporary(f.dir, uuid.NewString()+path.Ext(name))
	defer func() {
		if removed := os.Remove(tmp); removed != nil && !errors.Is(removed, fs.ErrNotExist) {
			err = errors.Join(err, removed)
		}
	}()
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return fmt.Errorf("writing metadata: %w", err)
	}
	if f.HasBucket() {
		if err := f.bucket.Put(ctx, File{Path: name, Bytes: int64(len(data)), SHA256: sha256.Sum256(data)}, tmp); err != nil {
			return fmt.Errorf("writing metadata: %w", err)
		}
		return nil
	}
	folder := filepath.Join(f.dir, match[1])
	if err := MakeFolders(folder); err != nil {
		return err
	}
	if _, _, err := seal(tmp, filepath.Join(f.dir, name), mode, points{}); err != nil {
		return err
	}
	return SyncFolder(folder)
}

// ReadMetadata reads a file of metadata. The error is fs.ErrNotExist when there is none.
func (f *Folder) ReadMetadata(ctx context.Context, name string) (data []byte, err error) {
	if !metadataPattern.MatchString(name) {
		return nil, fmt.Errorf("reading metadata: %w: %q is no name of it", fs.ErrNotExist, name)
	}
	if f.HasBucket() {
		data, err = f.bucket.Read(ctx, name, maxMetadata)
		if errors.Is(err, cache.ErrMissing) {
			err = fmt.Errorf("%w: %w", fs.ErrNotExist, err)
		}
	} else {
		data, err = os.ReadFile(filepath.Join(f.dir, name))
	}
	if err != nil {
		return nil, fmt.Errorf("reading metadata: %w", err)
	}
	return data, nil
}

// OldMetadata returns the names of the files of metadata that were last written before
// cutoff.
func (f *Folder) OldMetadata(ctx context.Context, cutoff time.Time) (names []string, err error) {
	if f.HasBucket() {
		err = f.bucket.List(ctx, func(name string, _ int64, written time.Time) error {
			if metadataPattern.MatchString(name) && written.Before(cutoff) {
				names = append(names, name)
			}
			return nil
		})
	} else {
		names, err = f.oldMetadata(cutoff)
	}
	if err != nil {
		return nil, fmt.Errorf("listing metadata: %w", err)
	}
	return names, nil
}

func (f *Folder) oldMetadata(cutoff time.Time) (names []string, err error) {
	all, err := fs.Glob(os.DirFS(f.dir), "*/metadata/*")
	if err != nil {
		return nil, err
	}
	for _, name := range all {
		info, err := os.Stat(filepath.Join(f.dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if metadataPattern.MatchString(name) && info.ModTime().Before(cutoff) {
			names = append(names, name)
		}
	}
	return names, nil
}

// RemoveMetadata deletes files of metadata. Those that are already gone are no error.
func (f *Folder) RemoveMetadata(ctx context.Context, names ...string) error {
	for len(names) > 0 {
		n := min(removedAtOnce, len(names))
		for _, name := range names[:n] {
			if !metadataPattern.MatchString(name) {
				return fmt.Errorf("removing metadata: %q is no name of it", name)
			}
		}
		if err := f.remove(ctx, names[:n]); err != nil {
			return fmt.Errorf("removing metadata: %w", err)
		}
		names = names[n:]
	}
	return nil
}
