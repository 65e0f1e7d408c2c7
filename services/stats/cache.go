package stats

import (
	"math"
	"reflect"
	"strings"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// cache keeps computed answers, those asked for last, in so many bytes. An
// answer's tag changes with all that its rows depend on, so that nothing is ever
// taken out for being old: what nobody asks for any more goes by itself. Rows
// are shared, and must not be changed.
type cache struct {
	budget int64

	mu      sync.Mutex
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
func newCache(budget int64) (*cache, error) {
	answers, err := simplelru.NewLRU[string, kept](math.MaxInt, nil) // bytes are the bound
	return &cache{budget: budget, answers: answers}, err
}

func (c *cache) get(tag string) (computed, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.answers.Get(tag)
	return k.computed, ok
}

// keep keeps an answer, in place of the one it had for the tag.
func (c *cache) keep(tag string, answer computed) {
	size := keptSize + sizeOf(answer.rows)
	if size > c.budget/maxShare {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	before, _ := c.answers.Peek(tag)
	c.answers.Add(tag, kept{answer, size})
	c.used += size - before.size
	for c.used > c.budget {
		_, k, _ := c.answers.RemoveOldest()
		c.used -= k.size
	}
}

// held returns how many answers it has, and their bytes.
func (c *cache) held() (answers int, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answers.Len(), c.used
}

// sizeOf estimates the memory that rows, a slice, take.
func sizeOf(rows any) int64 { return referred(reflect.ValueOf(rows)) }

// referred is the memory that a value leads to, itself not included.
func referred(v reflect.Value) (size int64) {
	switch v.Kind() {
	case reflect.String:
		return int64(v.Len())
	case reflect.Slice:
		size = int64(v.Cap()) * int64(v.Type().Elem().Size())
		for i := range v.Len() {
			size += referred(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			size += referred(v.Field(i))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			size = int64(v.Type().Elem().Size()) + referred(v.Elem())
		}
	}
	return size
}

// caching says what a request has to do with the cache.
type caching struct {
	take bool // an answer that is there
	keep bool // the answer computed for it
}

// requested reads a request's Cache-Control (RFC 9111, 5.2.1).
func requested(cacheControl string) caching {
	c := caching{take: true, keep: true}
	for directive := range strings.SplitSeq(cacheControl, ",") {
		switch strings.ToLower(strings.TrimSpace(directive)) {
		case "no-cache":
			c.take = false
		case "no-store":
			c.take, c.keep = false, false
		}
	}
	return c
}
