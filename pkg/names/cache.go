package names

import (
	"container/list"
	"sync"
)

// set is the names of a project, as they were when it had so many.
type set struct {
	mu     sync.RWMutex
	hashes [kinds]map[hash]struct{}
	counts counts
}

// size returns how many names of each kind the set has. Others may be adding some.
func (s *set) size() counts {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.counts
}

func (s *set) has(kind Kind, h hash) bool {
	_, ok := s.hashes[kind][h]
	return ok
}

// cache keeps the sets of the projects that sent events last. A project's set is
// bounded as its names are; all of them together have at most max names, so that a
// project with many takes the place of others' that are not in use, and no more.
type cache struct {
	max int

	mu       sync.Mutex
	size     int
	projects map[int64]*list.Element
	order    list.List // of *cached, the one used last at the front
}

type cached struct {
	project int64
	size    int
	set     *set
}

// setSize is what an empty set counts for, in names.
const setSize = 16

func newCache(max int) *cache { return &cache{max: max, projects: map[int64]*list.Element{}} }

func (c *cache) get(project int64) *set {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.projects[project]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).set
}

// put keeps a set, or notes that it has grown.
func (c *cache) put(project int64, s *set, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.projects[project]; e != nil {
		c.remove(e)
	}
	c.projects[project] = c.order.PushFront(&cached{project, setSize + size, s})
	c.size += setSize + size
	for c.size > c.max {
		c.remove(c.order.Back())
	}
}

func (c *cache) remove(e *list.Element) {
	of := c.order.Remove(e).(*cached)
	delete(c.projects, of.project)
	c.size -= of.size
}
