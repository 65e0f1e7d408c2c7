// Package cache keeps local copies of objects, such as those of a bucket. Each is
// fetched once, by whoever needs it first, stays while it is in use, and goes when others
// need its room and nobody has used it for longest. It knows nothing of what is in them.
package cache

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/platform/lockfile"
	"eventanalytics/pkg/warehouse/turns"
)

var (
	// ErrMissing is returned by Objects for an object that is not there.
	ErrMissing = errors.New("object is missing")
	// ErrDamaged is returned by Objects for an object that is there and is another.
	ErrDamaged = errors.New("object is damaged")
	// ErrDiffers is returned where an object is written once and another one has its name.
	ErrDiffers = errors.New("another object has this name")
	// ErrUnavailable is returned when a copy could not be made for reasons that say nothing
	// about the object: nobody answers, takes too long, or the disk is full.
	ErrUnavailable = errors.New("object cannot be fetched now")
)

// File is an object, and its copy.
type File struct {
	Path   string // below the folder, and the object's name
	Bytes  int64
	SHA256 [32]byte
}

// Objects are where the copies come from.
type Objects interface {
	// Get makes a file at the path to, whole or not at all, of the object with the name,
	// size and hash of f. It bounds its time. The error is ErrMissing, ErrDamaged or
	// ErrUnavailable.
	Get(ctx context.Context, f File, to string) error
}

// Config of a Cache.
type Config struct {
	// Dir is the folder below which a cache has its own.
	Dir string
	// Bytes is how much copies may take. What is in use may take more.
	Bytes int64
	// Downloads is how many there are at a time.
	Downloads int
}

const (
	// parallel is how many copies one caller has made at a time.
	parallel = 8
	// queued is how long a download may wait for others.
	queued = time.Minute
	// After givenUp such failures in a row nothing is asked for until retryAfter: each
	// takes seconds to find out.
	givenUp = 4
	// retryAfter is when an object that could not be fetched is asked for again: requests
	// cost money.
	retryAfter = 2 * time.Second
	// maxCaches is how many processes may have a cache below one folder.
	maxCaches = 64
)

// Cache is a folder of copies. Its methods may be called at the same time.
type Cache struct {
	dir       string
	lock      *lockfile.Lock
	objects   Objects
	limit     int64
	downloads *turns.Turns
	metrics   *Metrics

	ending context.Context
	end    context.CancelFunc
	ended  sync.WaitGroup // downloads

	mu      sync.Mutex
	copies  map[string]*list.Element // of *copied, by path
	order   *list.List               // of *copied, the one that was not used for longest first
	bytes   int64                    // of all copies
	pins    map[string]int           // by path
	pinned  int64                    // bytes of copies with pins
	flights map[string]*flight       // by path
	failed  map[string]failure       // by path
	inARow  int                      // downloads that failed for want of an answer
	last    failure                  // of these
}

// copied is a file in the folder.
type copied struct {
	path    string
	bytes   int64
	fetched os.FileInfo // of a copy that was hashed while it was made
}

// failure is why an object was not fetched.
type failure struct {
	err   error
	until time.Time
}

// Open opens a cache below cfg.Dir: the first that no process has open, with the copies
// that are in it. Close gives it back.
func Open(cfg Config, objects Objects, metrics *Metrics) (*Cache, error) {
	dir, lock, err := take(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("opening a cache: %w", err)
	}
	c := &Cache{
		dir: dir, lock: lock, objects: objects, limit: cfg.Bytes, downloads: turns.New(cfg.Downloads), metrics: metrics,
		copies: map[string]*list.Element{}, order: list.New(), pins: map[string]int{}, flights: map[string]*flight{}, failed: map[string]failure{},
	}
	c.ending, c.end = context.WithCancel(context.Background())
	if err := c.scan(); err != nil {
		return nil, errors.Join(fmt.Errorf("opening a cache: %w", err), lock.Close())
	}
	c.metrics.follow(c)
	return c, nil
}

// take finds a folder that no other process has.
func take(below string) (dir string, lock *lockfile.Lock, err error) {
	for n := range maxCaches {
		dir = filepath.Join(below, "cache-"+strconv.Itoa(n))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", nil, err
		}
		lock, err = lockfile.Take(filepath.Join(dir, "lock"))
		if !errors.Is(err, lockfile.ErrTaken) {
			break
		}
	}
	if err != nil {
		return "", nil, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err == nil {
		dir, err = filepath.Abs(dir)
	}
	if err != nil {
		err = errors.Join(err, lock.Close())
	}
	return dir, lock, err
}

// scan finds the copies that an earlier process left, and removes what it did not finish.
func (c *Cache) scan() error {
	var parts []string
	err := filepath.WalkDir(c.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if IsPart(entry.Name()) {
			parts = append(parts, path)
			return nil
		}
		name, err := filepath.Rel(c.dir, path)
		if err != nil || filepath.Dir(name) == "." { // the lock
			return err
		}
		info, err := entry.Info()
		if err == nil {
			c.add(&copied{path: name, bytes: info.Size()})
		}
		return err
	})
	for _, path := range parts {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// Close ends all downloads.
func (c *Cache) Close() error {
	c.end()
	c.ended.Wait()
	return c.lock.Close()
}

// Dir is the folder of the copies.
func (c *Cache) Dir() string { return c.dir }

// Hold makes copies of files, where there are none, and keeps them until release is
// called, once. project is whose they are: downloads of many projects take turns. The error
// is ErrMissing, ErrDamaged or ErrUnavailable, or that of ctx; nothing is held then.
func (c *Cache) Hold(ctx context.Context, project int64, files ...File) (release func(), err error) {
	c.pin(files, 1)
	release = func() { c.pin(files, -1) }
	g, fetching := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, f := range files {
		if c.has(f) {
			c.metrics.hits.Inc()
			continue
		}
		c.metrics.misses.Inc()
		g.Go(func() error { return c.fetch(fetching, project, f) })
	}
	if err := g.Wait(); err != nil {
		release()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	return release, nil
}

// HoldCopies is Hold for files that all have copies; ok is false, and nothing held, when
// one has none.
func (c *Cache) HoldCopies(files ...File) (release func(), ok bool) {
	c.pin(files, 1)
	for _, f := range files {
		if !c.has(f) {
			c.pin(files, -1)
			return nil, false
		}
	}
	return func() { c.pin(files, -1) }, true
}

// Prefetch makes a copy of a file, unless others would have to go for it.
func (c *Cache) Prefetch(ctx context.Context, project int64, f File) error {
	if c.has(f) || !c.hasRoom(f.Bytes) {
		return nil
	}
	return c.fetch(ctx, project, f)
}

// Again makes a new copy of a file, in place of one that is damaged.
func (c *Cache) Again(ctx context.Context, project int64, f File) error {
	if err := c.Drop(f.Path); err != nil {
		return err
	}
	return c.fetch(ctx, project, f)
}

// Add counts a file that was put into the folder as a copy.
func (c *Cache) Add(f File) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(f.Path)
	c.add(&copied{path: f.Path, bytes: f.Bytes})
	c.makeRoom(0)
}

// Drop removes the copies at some paths, whether or not they are in use. Who has one open
// keeps it.
func (c *Cache) Drop(paths ...string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, path := range paths {
		c.forget(path)
		delete(c.failed, path)
		if err := os.Remove(filepath.Join(c.dir, path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("dropping a copy: %w", err))
		}
	}
	return errors.Join(errs...)
}

// Touch notes that the copy at a path is used, by who has it open.
func (c *Cache) Touch(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := c.copies[path]; at != nil {
		c.order.MoveToBack(at)
	}
}

// Fetched returns what the copy at a path was when it was fetched, and hashed; nil where
// it was not by this process.
func (c *Cache) Fetched(path string) os.FileInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := c.copies[path]; at != nil {
		return at.Value.(*copied).fetched
	}
	return nil
}

// Downloading returns how many downloads there are, and how many wait.
func (c *Cache) Downloading() (running, waiting int) { return c.downloads.Count() }
