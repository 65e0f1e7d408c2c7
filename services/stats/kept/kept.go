// Package kept keeps what was asked for last, in memory that projects share.
package kept

import (
	"math"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Cache keeps values in so many bytes. A key has everything that its value depends on, so
// that nothing has to be removed for being old: of the project that takes most, the values
// that are no longer asked for are the first to make room. So a project fills what the
// others leave, and cannot push out what is theirs. Values are shared, and must not be
// changed. A nil *Cache keeps none.
type Cache[V any] struct {
	budget int64

	mu       sync.Mutex
	bytes    int64
	count    int
	projects map[int64]*shelf[V]
}

// shelf has the values of one project.
type shelf[V any] struct {
	bytes  int64
	values *simplelru.LRU[string, sized[V]]
}

type sized[V any] struct {
	value V
	bytes int64
}

// maxShare of the budget is what a single value may take: a quarter.
const maxShare = 4

// New makes a cache of up to budget bytes; one of 0 keeps nothing.
func New[V any](budget int64) *Cache[V] {
	return &Cache[V]{budget: budget, projects: map[int64]*shelf[V]{}}
}

// Get returns the value that a project has under a key.
func (c *Cache[V]) Get(project int64, key string) (value V, ok bool) {
	if c == nil {
		return value, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	own := c.projects[project]
	if own == nil {
		return value, false
	}
	kept, ok := own.values.Get(key)
	return kept.value, ok
}

// Keep keeps a value of so many bytes, in place of the one that the key had.
func (c *Cache[V]) Keep(project int64, key string, value V, bytes int64) {
	if c == nil || bytes > c.budget/maxShare {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	own := c.projects[project]
	if own == nil {
		values, err := simplelru.NewLRU[string, sized[V]](math.MaxInt, nil) // bytes are the bound
		if err != nil {
			return // never: the size is positive
		}
		own = &shelf[V]{values: values}
		c.projects[project] = own
	}
	before, replaced := own.values.Peek(key)
	own.values.Add(key, sized[V]{value, bytes})
	own.bytes += bytes - before.bytes
	c.bytes += bytes - before.bytes
	if !replaced {
		c.count++
	}
	for c.bytes > c.budget {
		c.removeOne()
	}
}

// removeOne removes the oldest value of the project that takes most.
func (c *Cache[V]) removeOne() {
	var project int64
	var most *shelf[V]
	for id, one := range c.projects {
		if most == nil || one.bytes > most.bytes {
			project, most = id, one
		}
	}
	_, kept, _ := most.values.RemoveOldest()
	most.bytes -= kept.bytes
	c.bytes -= kept.bytes
	c.count--
	if most.values.Len() == 0 {
		delete(c.projects, project)
	}
}

// Held returns how many values there are, and their bytes.
func (c *Cache[V]) Held() (values int, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count, c.bytes
}
