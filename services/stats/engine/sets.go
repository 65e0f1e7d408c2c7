package engine

import (
	"math"
	"sync"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Sets keeps the sets of users that were asked for last, in so many bytes. What tells a
// set apart has the version of the project's data, so that nothing has to be removed for
// being old: of the project that takes most, the sets that are no longer asked for are the
// first to make room. A nil *Sets keeps none.
type Sets struct {
	budget int64

	mu       sync.Mutex
	used     int64
	projects map[int64]*shelf
}

// shelf has the sets of one project.
type shelf struct {
	used int64
	sets *simplelru.LRU[string, *roaring.Bitmap]
}

// NewSets makes a cache of up to budget bytes.
func NewSets(budget int64) *Sets { return &Sets{budget: budget, projects: map[int64]*shelf{}} }

func (s *Sets) get(project int64, key string) (*roaring.Bitmap, bool) {
	if s == nil {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.projects[project]
	if own == nil {
		return nil, false
	}
	return own.sets.Get(key)
}

// sizeOf is what a set takes, about.
func sizeOf(key string, users *roaring.Bitmap) int64 {
	const entry = 200
	return entry + int64(len(key)) + int64(users.GetSizeInBytes())
}

// maxShare of the budget is what a single set may take: a quarter.
const maxShare = 4

func (s *Sets) keep(project int64, key string, users *roaring.Bitmap) {
	if s == nil || sizeOf(key, users) > s.budget/maxShare {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.projects[project]
	if own == nil {
		sets, err := simplelru.NewLRU[string, *roaring.Bitmap](math.MaxInt, nil) // bytes are the bound
		if err != nil {
			return // never: the size is positive
		}
		own = &shelf{sets: sets}
		s.projects[project] = own
	}
	change := sizeOf(key, users)
	if before, ok := own.sets.Peek(key); ok {
		change -= sizeOf(key, before)
	}
	own.sets.Add(key, users)
	own.used += change
	s.used += change
	for s.used > s.budget {
		s.removeOne()
	}
}

// removeOne removes the oldest set of the project that takes most.
func (s *Sets) removeOne() {
	var project int64
	var most *shelf
	for id, one := range s.projects {
		if most == nil || one.used > most.used {
			project, most = id, one
		}
	}
	key, users, _ := most.sets.RemoveOldest()
	size := sizeOf(key, users)
	most.used -= size
	s.used -= size
	if most.sets.Len() == 0 {
		delete(s.projects, project)
	}
}
