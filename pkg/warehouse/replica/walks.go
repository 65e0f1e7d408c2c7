package replica

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/pkg/warehouse/walk"
)

const (
	// maxPending is how many bytes of files a question may have to hash before it can
	// use them, a hundredth of a second of work. What is more, as after the start of a
	// replica, is hashed in the background.
	maxPending = 16 << 20
	// eventBytes is about what an event takes in a file of events by user, many properties
	// included, for segments whose file was never made.
	eventBytes = 24
)

// walks opens the files of events by user and keeps them open while their segments are
// live. What is damaged or missing is made again in memory, within a budget, when a
// question needs it. Its methods may be called at the same time.
type walks struct {
	files  *segment.Integrity
	budget int64
	atOnce int64 // bytes that a question may have to check
	log    *zap.Logger

	mu   sync.Mutex
	open map[string]*segment.Users // by the segment's path
	made map[string]madeUsers      // by the segment's path

	making sync.Mutex // held while one is made
}

// madeUsers are events by user in memory.
type madeUsers struct {
	*walk.File
	bytes int64
}

func newWalks(files *segment.Integrity, budget int64, log *zap.Logger) *walks {
	return &walks{files: files, budget: budget, atOnce: maxPending, log: log, open: map[string]*segment.Users{}, made: map[string]madeUsers{}}
}

// projectWalk is the events by user of one project's segments.
type projectWalk struct {
	walks    *walks
	segments []segment.Segment

	mu    sync.Mutex
	files []*walk.File
	view  *walk.View // of files
}

// follow returns the events by user of a snapshot's projects. Those of a project whose
// segments are the same as in the snapshot known, which may be nil, are taken from before.
func (w *walks) follow(s, known *manifest.Snapshot, before map[int64]*projectWalk) map[int64]*projectWalk {
	all := maps.Clone(before)
	if all == nil {
		all = map[int64]*projectWalk{}
	}
	for project := range s.Differing(known) {
		segments := s.Segments(project, time.Time{}, time.Time{})
		p := all[project]
		switch {
		case len(segments) == 0:
			delete(all, project)
		case p == nil || !slices.EqualFunc(p.segments, segments, func(a, b segment.Segment) bool {
			return a.ID == b.ID && a.Path == b.Path && (a.Users == nil) == (b.Users == nil)
		}):
			all[project] = &projectWalk{walks: w, segments: segments}
		}
	}
	return all
}

// one returns the events by user of a segment from its file.
func (w *walks) one(s segment.Segment) (*walk.File, error) {
	w.mu.Lock()
	before := w.open[s.Path]
	w.mu.Unlock()
	users, err := w.files.OpenUsers(s, before)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		delete(w.open, s.Path)
		return nil, err
	}
	w.open[s.Path] = users
	return users.File, nil
}

// ready returns the view if there is one, without much work.
func (p *projectWalk) ready() *walk.View {
	if p.pending() > p.walks.atOnce {
		return nil
	}
	view, err := p.of(p.walks.one)
	if err != nil {
		return nil
	}
	return view
}

// pending is how many bytes of files are not open.
func (p *projectWalk) pending() (bytes int64) {
	p.walks.mu.Lock()
	defer p.walks.mu.Unlock()
	for _, s := range p.segments {
		if s.Users != nil && p.walks.open[s.Path] == nil {
			bytes += s.Users.Bytes
		}
	}
	return bytes
}

// of returns the view of the files that one returns.
func (p *projectWalk) of(one func(segment.Segment) (*walk.File, error)) (*walk.View, error) {
	files := make([]*walk.File, len(p.segments))
	for i, s := range p.segments {
		var err error
		if files[i], err = one(s); err != nil {
			return nil, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.view == nil || !slices.Equal(p.files, files) {
		p.files, p.view = files, walk.NewView(files)
	}
	return p.view, nil
}

// orMade returns the view, and makes in memory what is not available from its file.
func (p *projectWalk) orMade(ctx context.Context) (*walk.View, error) {
	return p.of(func(s segment.Segment) (*walk.File, error) {
		f, err := p.walks.one(s)
		if err != nil && ctx.Err() == nil {
			f, err = p.walks.make(ctx, s, err)
		}
		return f, err
	})
}

// make returns the events by user of a segment whose file is not available, for a reason.
func (w *walks) make(ctx context.Context, s segment.Segment, reason error) (*walk.File, error) {
	w.making.Lock()
	defer w.making.Unlock()
	w.mu.Lock()
	known := w.made[s.Path]
	w.mu.Unlock()
	if known.File != nil {
		return known.File, nil
	}
	if need, taken := sizeOf(s), w.bytes(); taken+need > w.budget {
		return nil, fmt.Errorf("%w; in memory it would take %d bytes, beside %d of %d", reason, need, taken, w.budget)
	}
	made, err := w.files.MakeUsers(ctx, s)
	if err != nil {
		return nil, err
	}
	w.log.Warn("events by user were made again in memory: their file is damaged, or of an older version", zap.String(logging.Segment, s.Path),
		zap.Int64(logging.ProjectID, s.ProjectID), zap.Error(reason))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.made[s.Path] = madeUsers{made, sizeOf(s)}
	return made, nil
}

// sizeOf is about how large a segment's events by user are.
func sizeOf(s segment.Segment) int64 {
	if s.Users != nil {
		return s.Users.Bytes
	}
	return s.Events * eventBytes
}

// keep opens the files of some segments of a snapshot, so that questions need not, and
// drops what was made of those whose file is back.
//
// Of a bucket's objects only those are opened that have copies. One whose copy had to make
// room is closed, or its room would not be free.
func (w *walks) keep(ctx context.Context, snapshot *Snapshot, segments []segment.Segment) {
	for _, s := range segments {
		if ctx.Err() != nil {
			return
		}
		if s.Users == nil {
			continue
		}
		if release, ok := w.files.Folder().HoldCopies(s.UsersFile()); ok {
			_, _ = w.one(s) // whoever looks at all files reports the damaged ones
			release()
		} else {
			w.shut(s, snapshot.walks[s.ProjectID])
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.DeleteFunc(w.made, func(path string, _ madeUsers) bool { return w.open[path] != nil })
}

// retain drops the files of segments whose path is not among live ones, and what was made
// in their place.
func (w *walks) retain(live map[string]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.DeleteFunc(w.open, func(path string, _ *segment.Users) bool { return !live[path] })
	maps.DeleteFunc(w.made, func(path string, _ madeUsers) bool { return !live[path] })
}

// shut forgets the open file of a segment, and the view that has it.
func (w *walks) shut(s segment.Segment, p *projectWalk) {
	w.mu.Lock()
	_, open := w.open[s.Path]
	delete(w.open, s.Path)
	w.mu.Unlock()
	if open && p != nil {
		p.mu.Lock()
		p.files, p.view = nil, nil
		p.mu.Unlock()
	}
}

// fetch has the files of a project in the folder that are not open, where they are in a
// bucket, and says whether they are all open.
func (p *projectWalk) fetch(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, fetchPatience)
	defer cancel()
	var missing []segment.File
	p.walks.mu.Lock()
	for _, s := range p.segments {
		if s.Users != nil && p.walks.open[s.Path] == nil {
			missing = append(missing, s.UsersFile())
		}
	}
	p.walks.mu.Unlock()
	if len(missing) == 0 {
		return true
	}
	release, err := p.walks.files.Hold(ctx, p.segments[0].ProjectID, missing...)
	if err != nil {
		return false // others answer, or say why not
	}
	defer release()
	_, err = p.of(p.walks.one)
	return err == nil
}

// fetchPatience is how long a question waits for events by user before others are tried
// that may have what they need.
const fetchPatience = 10 * time.Second

// has says whether the files of all segments are open.
func (p *projectWalk) has() bool {
	p.walks.mu.Lock()
	defer p.walks.mu.Unlock()
	return !slices.ContainsFunc(p.segments, func(s segment.Segment) bool { return p.walks.open[s.Path] == nil })
}

// bytes returns about how many bytes of memory what was made takes.
func (w *walks) bytes() (n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, made := range w.made {
		n += made.bytes
	}
	return n
}
