package stats

import (
	"math"
	"strings"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// cache keeps the answers asked for last, in so many bytes. An answer's tag changes
// with everything that its rows depend on, so that nothing has to be removed for
// being old: of the project that takes most, the answers that are no longer asked for
// are the first to make room. So a project fills what the others leave, and cannot push
// their answers out. Rows are shared, and must not be changed.
type cache struct {
	budget int64

	mu       sync.Mutex
	used     int64
	count    int
	projects map[int64]*shelf
}

// shelf has the answers of one project.
type shelf struct {
	used    int64
	answers *simplelru.LRU[string, kept]
}

type kept struct {
	computed
	size int64
}

const (
	// keptSize is what an answer takes besides its rows.
	keptSize = 200
	// maxShare of the budget is what a single answer may take: a quarter.
	maxShare = 4
)

// newCache makes a cache of up to budget bytes, none for 0.
func newCache(budget int64) *cache { return &cache{budget: budget, projects: map[int64]*shelf{}} }

func (c *cache) get(project int64, tag string) (computed, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	own := c.projects[project]
	if own == nil {
		return computed{}, false
	}
	k, ok := own.answers.Get(tag)
	return k.computed, ok
}

// keep keeps an answer, in place of the one it had for the tag.
func (c *cache) keep(project int64, tag string, answer computed) {
	size := keptSize + answer.rows.Bytes()
	if size > c.budget/maxShare {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	own := c.projects[project]
	if own == nil {
		answers, err := simplelru.NewLRU[string, kept](math.MaxInt, nil) // bytes are the bound
		if err != nil {
			return // never: the size is positive
		}
		own = &shelf{answers: answers}
		c.projects[project] = own
	}
	before, replaced := own.answers.Peek(tag)
	own.answers.Add(tag, kept{answer, size})
	own.used += size - before.size
	c.used += size - before.size
	if !replaced {
		c.count++
	}
	for c.used > c.budget {
		c.removeOne()
	}
}

// removeOne removes the oldest answer of the project that takes most.
func (c *cache) removeOne() {
	var project int64
	var most *shelf
	for id, s := range c.projects {
		if most == nil || s.used > most.used {
			project, most = id, s
		}
	}
	_, k, _ := most.answers.RemoveOldest()
	most.used -= k.size
	c.used -= k.size
	c.count--
	if most.answers.Len() == 0 {
		delete(c.projects, project)
	}
}

// held returns how many answers it has, and their bytes.
func (c *cache) held() (answers int, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count, c.used
}

// cachePolicy says how a request uses the cache.
type cachePolicy struct {
	read  bool // an answer that is there
	write bool // the answer computed for it
}

// parseCacheControl reads a request's Cache-Control (RFC 9111, 5.2.1).
func parseCacheControl(header string) cachePolicy {
	p := cachePolicy{read: true, write: true}
	for directive := range strings.SplitSeq(header, ",") {
		switch strings.ToLower(strings.TrimSpace(directive)) {
		case "no-cache":
			p.read = false
		case "no-store":
			p.read, p.write = false, false
		}
	}
	return p
}
