package warehouse

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// integrity knows which files are what the manifest says. It hashes each once,
// when it is needed first, and again only while it is damaged and changes.
type integrity struct {
	dir string

	mu    sync.Mutex
	files map[string]*checkedFile // by path
}

type checkedFile struct {
	mu    sync.Mutex // held while the file is hashed
	whole bool
	// What is wrong, and with which file: one that changes is looked at again.
	reason error
	size   int64
	at     time.Time
}

func newIntegrity(dir string) *integrity {
	return &integrity{dir: dir, files: map[string]*checkedFile{}}
}

// check returns nil when the file at path is whole by verify, or what is wrong.
func (i *integrity) check(path string, verify func() error) error {
	i.mu.Lock()
	f := i.files[path]
	if f == nil {
		f = &checkedFile{}
		i.files[path] = f
	}
	i.mu.Unlock()

	f.mu.Lock()
	defer f.mu.Unlock()
	if f.whole {
		return nil
	}
	var size int64
	var at time.Time
	if info, err := os.Stat(filepath.Join(i.dir, path)); err == nil {
		size, at = info.Size(), info.ModTime()
	}
	if f.reason != nil && f.size == size && f.at.Equal(at) {
		return f.reason
	}
	f.reason, f.size, f.at = verify(), size, at
	f.whole = f.reason == nil
	if unread(f.reason) {
		f.at = time.Time{} // look again even when it stays as it is
	}
	return f.reason
}

// unread says that a file was not read to its end: for lack of descriptors, or
// because its disk did not answer. That says nothing about the file.
func unread(reason error) bool {
	var failed *fs.PathError
	return errors.As(reason, &failed) && !errors.Is(reason, fs.ErrNotExist)
}

// checkEvents checks a segment's Parquet file.
func (i *integrity) checkEvents(s Segment) error {
	return i.check(s.Path, func() error { return Verify(i.dir, s) })
}

// checkRollUp checks a segment's roll-up.
func (i *integrity) checkRollUp(s Segment) error {
	return i.check(s.RollUpPath(), func() error { return VerifyRollUp(i.dir, s) })
}

// damaged returns how many files are known to be damaged.
func (i *integrity) damaged() int {
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

// forget drops what is known of files that no snapshot needs any more.
func (i *integrity) forget(live func(path string) bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for path := range i.files {
		if !live(path) {
			delete(i.files, path)
		}
	}
}
