package segment

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Integrity knows which files are what the manifest says. It hashes each when it
// is first needed, and again when it is another file or was written to. Its
// methods may be called at the same time.
type Integrity struct {
	folder *Folder
	dir    string

	mu    sync.Mutex
	files map[string]*checkedFile // by path
}

type checkedFile struct {
	mu     sync.Mutex // held while the file is hashed
	hashed bool
	reason error       // what is wrong with it; nil for nothing
	info   os.FileInfo // of the file that was hashed; nil for none
	pages  *openPages
}

// NewIntegrity makes an Integrity of the files in a folder.
func NewIntegrity(folder *Folder) *Integrity {
	return &Integrity{folder: folder, dir: folder.Dir(), files: map[string]*checkedFile{}}
}

// Hold has files in the folder and whole, and keeps them there until release is called; see
// Folder.Hold. Without a bucket it does nothing: Check says what is wrong. With one it waits
// for at most half a minute, after which the error is ErrUnavailable, and a copy that turns
// out to be damaged is fetched again.
func (i *Integrity) Hold(ctx context.Context, project int64, files ...File) (release func(), err error) {
	if !i.folder.HasBucket() {
		return func() {}, nil
	}
	holding, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	release, err = i.hold(holding, project, files)
	if err != nil && holding.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: it takes more than %s", ErrUnavailable, soon)
	}
	return release, err
}

// hold is Hold without its bound.
func (i *Integrity) hold(ctx context.Context, project int64, files []File) (release func(), err error) {
	if release, err = i.folder.Hold(ctx, project, files...); err != nil {
		return nil, err
	}
	for _, f := range files {
		if i.Check(f) == nil {
			continue
		}
		if err = ctx.Err(); err == nil {
			err = i.folder.again(ctx, project, f)
		}
		if err == nil {
			err = i.Check(f) // so that it no longer counts as damaged
		}
		if err != nil {
			release()
			return nil, err
		}
	}
	return release, nil
}

// soon is how long Hold waits.
const soon = 30 * time.Second

// HoldSoon is Hold for callers that have no context.
func (i *Integrity) HoldSoon(project int64, files ...File) (release func(), err error) {
	return i.Hold(context.Background(), project, files...)
}

// Inspect is Check for a file that is at hand: one of a bucket that has no copy is not looked
// at, and a copy that is damaged is fetched again.
func (i *Integrity) Inspect(ctx context.Context, project int64, f File) error {
	if !i.folder.HasBucket() {
		return i.Check(f)
	}
	release, ok := i.folder.HoldCopies(f)
	if !ok {
		return nil
	}
	defer release()
	whole, err := i.Hold(ctx, project, f)
	if err == nil {
		whole()
	}
	if errors.Is(err, ErrQuarantined) {
		return err
	}
	return nil
}

// Folder is where the files are.
func (i *Integrity) Folder() *Folder { return i.folder }

// check returns nil when the file at path is whole by verify, or what is wrong.
func (i *Integrity) check(path string, verify func() error) error {
	i.mu.Lock()
	f := i.files[path]
	if f == nil {
		f = &checkedFile{}
		i.files[path] = f
	}
	i.mu.Unlock()

	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(filepath.Join(i.dir, path))
	if err != nil {
		info = nil // verify says why
	}
	if (!f.hashed || !unchanged(f.info, info)) && info != nil && unchanged(i.folder.fetched(path), info) {
		f.info, f.reason, f.hashed = info, nil, true // it was hashed while it was fetched
	}
	if !f.hashed || !unchanged(f.info, info) {
		f.info, f.reason = info, verify()
		f.hashed = !unread(f.reason) // else look again even if it does not change
	}
	return f.reason
}

// unchanged says whether a file is the same one as before, as far as can be told
// without reading it.
func unchanged(before, now os.FileInfo) bool {
	if before == nil || now == nil {
		return before == nil && now == nil
	}
	return os.SameFile(before, now) && before.Size() == now.Size() && before.ModTime().Equal(now.ModTime())
}

// written says whether a file was written to. One that is gone or has another in its place
// was not: whoever has it open still reads what it was.
func written(path string, before os.FileInfo) bool {
	now, err := os.Stat(path)
	return err == nil && os.SameFile(before, now) && !unchanged(before, now)
}

// unread says that a file was not read to its end: for lack of descriptors, or
// because its disk did not answer. That says nothing about the file.
func unread(reason error) bool {
	var failed *fs.PathError
	return errors.As(reason, &failed) && !errors.Is(reason, fs.ErrNotExist)
}

// Check returns nil when a file is whole, or what VerifyFile says of it.
func (i *Integrity) Check(f File) error {
	return i.check(f.Path, func() error { return VerifyFile(i.dir, f) })
}

// Known returns what a look at a file found wrong with it, nil where nobody looked: for those
// who have another read it, where hashing it would take as long.
func (i *Integrity) Known(f File) error {
	i.mu.Lock()
	known := i.files[f.Path]
	i.mu.Unlock()
	if known == nil || !known.mu.TryLock() { // it is being hashed
		return nil
	}
	defer known.mu.Unlock()
	return known.reason
}

// Damaged returns how many files are known to be damaged.
func (i *Integrity) Damaged() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := 0
	for _, f := range i.files {
		if f.mu.TryLock() { // not one that is being hashed
			if f.reason != nil {
				n++
			}
			f.mu.Unlock()
		}
	}
	return n
}

// Forget drops what is known of files other than the live ones.
func (i *Integrity) Forget(live func(path string) bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for path := range i.files {
		if !live(path) {
			delete(i.files, path)
		}
	}
}
