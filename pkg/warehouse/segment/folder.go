package segment

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/platform/failpoint"
	"eventanalytics/pkg/warehouse/cache"
)

// ErrUnavailable is returned when a file is in the bucket alone and cannot be fetched now.
var ErrUnavailable = cache.ErrUnavailable

// Bucket has the files of segments as objects; their names are the files' paths.
type Bucket interface {
	// Put makes an object of the file at from. It returns nil for an equal object that is
	// there already, and cache.ErrDiffers for another one.
	Put(ctx context.Context, f File, from string) error
	// Has returns nil when there is an object. The error is cache.ErrMissing when there is none.
	Has(ctx context.Context, path string) error
	// Read returns an object of at most so many bytes. The error is cache.ErrMissing when there
	// is none.
	Read(ctx context.Context, path string, most int64) ([]byte, error)
	// List calls each with all objects in the order of their names' bytes.
	List(ctx context.Context, each func(path string, bytes int64, written time.Time) error) error
	// Remove removes objects, at most removedAtOnce. Those that are already gone are no
	// error. It is ErrUnavailable when it is not about single ones.
	Remove(ctx context.Context, paths ...string) error
	// Reach asks whether the bucket is there.
	Reach(ctx context.Context) error
}

// Folder is where the files of segments are: either the files themselves, or, with a
// bucket that has them, copies of those that were needed lately. Its methods may be called
// at the same time.
type Folder struct {
	dir    string
	bucket Bucket       // nil for none
	copies *cache.Cache // nil for none

	reached atomic.Int64 // when the bucket was last, in nanoseconds since 1970
}

// NewFolder makes a Folder of the warehouse folder dir.
func NewFolder(dir string) *Folder { return &Folder{dir: dir} }

// NewCopies makes a Folder of copies of a bucket's objects.
func NewCopies(copies *cache.Cache, bucket Bucket) *Folder {
	return &Folder{dir: copies.Dir(), bucket: bucket, copies: copies}
}

// Close ends what is being fetched.
func (f *Folder) Close() error {
	if f.copies == nil {
		return nil
	}
	return f.copies.Close()
}

// Dir is the folder's path.
func (f *Folder) Dir() string { return f.dir }

// HasBucket says that the files are copies.
func (f *Folder) HasBucket() bool { return f.bucket != nil }

// Reach says whether the bucket can be reached, if there is one. Requests cost money: that it
// could is remembered for some seconds.
func (f *Folder) Reach(ctx context.Context) error {
	if !f.HasBucket() || time.Since(time.Unix(0, f.reached.Load())) < reachedFor {
		return nil
	}
	err := f.bucket.Reach(ctx)
	if err == nil {
		f.reached.Store(time.Now().UnixNano())
	}
	return err
}

const reachedFor = 5 * time.Second

// Has returns nil when a file is there and has the right size, or else ErrQuarantined. With
// a bucket it asks only whether the object is there.
func (f *Folder) Has(ctx context.Context, file File) error {
	if !f.HasBucket() {
		return VerifyFileSize(f.dir, file)
	}
	return damagedOr(f.bucket.Has(ctx, file.Path))
}

// Discard removes copies of a bucket's objects, so that these are looked at again.
func (f *Folder) Discard(files ...File) error {
	if !f.HasBucket() {
		return nil
	}
	var errs []error
	for _, file := range files {
		errs = append(errs, f.copies.Drop(file.Path))
	}
	return errors.Join(errs...)
}

// Hold has files in the folder and keeps them there until release is called, once: those of
// a bucket are fetched. project is whose they are; downloads of many projects take turns.
// Without a bucket it does nothing. The error is ErrUnavailable, ErrQuarantined or that of
// ctx.
func (f *Folder) Hold(ctx context.Context, project int64, files ...File) (release func(), err error) {
	if !f.HasBucket() {
		return func() {}, nil
	}
	release, err = f.copies.Hold(ctx, project, files...)
	return release, damagedOr(err)
}

// HoldCopies is Hold without fetching anything: ok is false, and nothing is held, when a
// file has no copy.
func (f *Folder) HoldCopies(files ...File) (release func(), ok bool) {
	if !f.HasBucket() {
		return func() {}, true
	}
	return f.copies.HoldCopies(files...)
}

// Prefetch has a file of a bucket in the folder if there is room for it.
func (f *Folder) Prefetch(ctx context.Context, project int64, file File) error {
	if !f.HasBucket() {
		return nil
	}
	return damagedOr(f.copies.Prefetch(ctx, project, file))
}

// damagedOr makes ErrQuarantined of what a bucket says of an object.
func damagedOr(err error) error {
	switch {
	case errors.Is(err, cache.ErrMissing):
		return fmt.Errorf("%w: %w: %w", ErrQuarantined, fs.ErrNotExist, err)
	case errors.Is(err, cache.ErrDamaged):
		return fmt.Errorf("%w: %w", ErrQuarantined, err)
	}
	return err
}

// Verify reads a file, which is held, and compares it with the manifest, as VerifyFile
// does. A copy that is damaged is fetched again.
func (f *Folder) Verify(ctx context.Context, project int64, file File) error {
	err := VerifyFile(f.dir, file)
	if !f.HasBucket() || !errors.Is(err, ErrQuarantined) {
		return err
	}
	return f.again(ctx, project, file)
}

// VerifyObject is Verify for the bucket's object, if there is one, and not for its copy.
func (f *Folder) VerifyObject(ctx context.Context, project int64, file File) error {
	if !f.HasBucket() {
		return VerifyFile(f.dir, file)
	}
	return f.again(ctx, project, file)
}

// again fetches a file once more.
func (f *Folder) again(ctx context.Context, project int64, file File) error {
	return damagedOr(f.copies.Again(ctx, project, file))
}

// touch notes that a copy is used.
func (f *Folder) touch(path string) {
	if f.HasBucket() {
		f.copies.Touch(path)
	}
}

// fetched is what a copy was when it was fetched and hashed, or nil.
func (f *Folder) fetched(path string) os.FileInfo {
	if !f.HasBucket() {
		return nil
	}
	return f.copies.Fetched(path)
}

// put makes objects of files that are whole and on disk.
func (f *Folder) put(ctx context.Context, files ...File) error {
	if !f.HasBucket() {
		return nil
	}
	if err := failpoint.Hit(failpoint.ObjectsBeforePut); err != nil {
		return err
	}
	g, putting := errgroup.WithContext(ctx)
	for _, file := range files {
		g.Go(func() error { return f.bucket.Put(putting, file, filepath.Join(f.dir, file.Path)) })
	}
	if err := g.Wait(); err != nil {
		for _, file := range files { // nobody will ask for them
			_ = f.copies.Drop(file.Path)
		}
		return err
	}
	for _, file := range files {
		f.copies.Add(file)
	}
	return failpoint.Hit(failpoint.ObjectsAfterPut)
}

// replace is put for a file in place of one that is damaged.
func (f *Folder) replace(ctx context.Context, file File) error {
	if !f.HasBucket() {
		return nil
	}
	err := f.bucket.Put(ctx, file, filepath.Join(f.dir, file.Path))
	if errors.Is(err, cache.ErrDiffers) {
		if err = f.bucket.Remove(ctx, file.Path); err == nil {
			err = f.bucket.Put(ctx, file, filepath.Join(f.dir, file.Path))
		}
	}
	if err == nil {
		f.copies.Add(file)
	}
	return err
}
