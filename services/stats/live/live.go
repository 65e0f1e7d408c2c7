// Package live has a project's events in the order in which they became visible, for
// streams that last: it reads them from the outbox, up to the position that the replica
// answers from, and bounds how many streams there are. It knows nothing of HTTP.
package live

import (
	"errors"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Maximum numbers of streams that are open at a time.
const (
	MaxStreams   = 1000 // of a replica
	MaxOfProject = 100
	MaxOfCaller  = 20
	maxRows      = 16 // of the outbox in memory, of up to 5 MiB and 20,000 events each
	maxRowsOfOne = 4  // project
)

var (
	// ErrFull is returned when the replica has as many streams as it takes.
	ErrFull = errors.New("the replica has as many streams as it takes")
	// ErrTooMany is returned when the project, or the caller, has as many as it may have.
	ErrTooMany = errors.New("there are as many streams of the project, or of the caller, as there may be")
)

// Feed has the events of all projects.
type Feed struct {
	pool *pgxpool.Pool
	rows chan struct{} // a token for each row in memory

	mu       sync.Mutex
	all      int
	projects map[int64]*projectFeed
	callers  map[string]int
}

// projectFeed are a project's streams.
type projectFeed struct {
	streams int
	rows    chan struct{}
}

// NewFeed makes a feed of the outbox that pool leads to.
func NewFeed(pool *pgxpool.Pool) *Feed {
	return &Feed{
		pool: pool, rows: make(chan struct{}, maxRows),
		projects: map[int64]*projectFeed{}, callers: map[string]int{},
	}
}

// Open counts a stream of a project, ErrFull or ErrTooMany. Close it.
func (f *Feed) Open(project int64, caller string) (*Stream, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	own := f.projects[project]
	switch {
	case f.all >= MaxStreams:
		return nil, ErrFull
	case own != nil && own.streams >= MaxOfProject, f.callers[caller] >= MaxOfCaller:
		return nil, ErrTooMany
	case own == nil:
		own = &projectFeed{rows: make(chan struct{}, maxRowsOfOne)}
		f.projects[project] = own
	}
	f.all++
	own.streams++
	f.callers[caller]++
	return &Stream{feed: f, project: project, own: own, caller: caller}, nil
}

// Streams returns how many are open.
func (f *Feed) Streams() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.all
}

// Close ends the stream.
func (s *Stream) Close() {
	f := s.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all--
	if s.own.streams--; s.own.streams == 0 {
		delete(f.projects, s.project)
	}
	if f.callers[s.caller]--; f.callers[s.caller] == 0 {
		delete(f.callers, s.caller)
	}
}
