package cache

import (
	"os"
	"path/filepath"
)

// has says whether there is a copy of a file, as far as can be told without reading it,
// and notes that it is used.
func (c *Cache) has(f File) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.look(f)
}

// look is has; c is locked, so that a download that ends is seen whole or not at all.
func (c *Cache) look(f File) bool {
	info, err := os.Stat(filepath.Join(c.dir, f.Path))
	there := err == nil && info.Mode().IsRegular() && info.Size() == f.Bytes
	at := c.copies[f.Path]
	switch {
	case !there:
		c.forget(f.Path)
	case at == nil:
		c.add(&copied{path: f.Path, bytes: f.Bytes})
	default:
		c.order.MoveToBack(at)
	}
	return there
}

// hasRoom says whether a copy fits without another having to go.
func (c *Cache) hasRoom(bytes int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes+bytes <= c.limit
}

// pin adds by to the pins of files.
func (c *Cache) pin(files []File, by int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range files {
		before := c.pins[f.Path]
		if c.pins[f.Path] += by; c.pins[f.Path] == 0 {
			delete(c.pins, f.Path)
		}
		if at := c.copies[f.Path]; at != nil && (before == 0) != (before+by == 0) {
			c.pinned += int64(by) * at.Value.(*copied).bytes
		}
	}
	if by < 0 {
		c.makeRoom(0) // what was in use may have taken more
	}
}

// add counts a copy; c is locked.
func (c *Cache) add(one *copied) {
	c.copies[one.path] = c.order.PushBack(one)
	c.bytes += one.bytes
	if c.pins[one.path] > 0 {
		c.pinned += one.bytes
	}
}

// forget no longer counts a copy; c is locked.
func (c *Cache) forget(path string) {
	at := c.copies[path]
	if at == nil {
		return
	}
	one := at.Value.(*copied)
	c.order.Remove(at)
	delete(c.copies, path)
	c.bytes -= one.bytes
	if c.pins[path] > 0 {
		c.pinned -= one.bytes
	}
}

// makeRoom removes copies that are not in use until so many bytes more fit, those that
// were not used for longest first; c is locked. It removes no more than it must, and too
// few when the rest is in use.
func (c *Cache) makeRoom(bytes int64) {
	for at := c.order.Front(); at != nil && c.bytes+bytes > c.limit; {
		one, next := at.Value.(*copied), at.Next()
		if c.pins[one.path] == 0 {
			// One that cannot be removed is no longer counted either: it is counted again
			// when the cache is opened.
			_ = os.Remove(filepath.Join(c.dir, one.path))
			c.forget(one.path)
			c.metrics.evictions.Inc()
		}
		at = next
	}
}
