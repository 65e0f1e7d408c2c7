package replica

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/pkg/warehouse/segment"
)

// rollUps keeps the roll-ups of a snapshot in memory, as many as the budget
// allows. Its methods are for one goroutine.
type rollUps struct {
	files  *segment.Integrity
	budget int64
	log    *zap.Logger

	projects map[int64]*projectRollUps
	bytes    atomic.Int64 // that they take
}

// projectRollUps are those of one project.
type projectRollUps struct {
	segments []segment.Segment
	files    map[string]*rollup.File // by the segment's path
	view     *rollup.View            // nil when some are not available
	bytes    int64                   // of files in memory
	damaged  bool
	// density is how much memory a byte on disk takes, once the project did not
	// fit: so that the files are not reread on every refresh only to be discarded.
	density float64
}

func newRollUps(files *segment.Integrity, budget int64, log *zap.Logger) *rollUps {
	return &rollUps{files: files, budget: budget, log: log, projects: map[int64]*projectRollUps{}}
}

// damaged says that a roll-up may be available again without a new snapshot.
func (r *rollUps) damaged() bool {
	for _, p := range r.projects {
		if p.damaged {
			return true
		}
	}
	return false
}

// follow reads what is new in a snapshot and returns the projects' roll-ups. Its
// error is that of ctx.
func (r *rollUps) follow(ctx context.Context, s *manifest.Snapshot) (map[int64]*rollup.View, error) {
	for project, p := range r.projects {
		if len(s.Segments(project, time.Time{}, time.Time{})) == 0 {
			r.bytes.Add(-p.bytes)
			delete(r.projects, project)
		}
	}
	views := map[int64]*rollup.View{}
	// In one order, so that memory goes to the same projects each time.
	for _, project := range slices.Sorted(s.Projects()) {
		segments := s.Segments(project, time.Time{}, time.Time{})
		p := r.projects[project]
		if p == nil {
			p = &projectRollUps{}
			r.projects[project] = p
		}
		if p.damaged || !slices.EqualFunc(p.segments, segments, func(a, b segment.Segment) bool { return a.ID == b.ID && a.Path == b.Path }) {
			if err := r.update(ctx, project, p, segments); err != nil {
				return nil, err
			}
		}
		if p.view != nil {
			views[project] = p.view
		}
	}
	return views, nil
}

// update makes p the roll-ups of segments. What is damaged may come back: until
// then the rest stays in memory. What does not fit is dropped.
func (r *rollUps) update(ctx context.Context, project int64, p *projectRollUps, segments []segment.Segment) error {
	had := p.view != nil || p.segments == nil
	r.bytes.Add(-p.bytes)
	defer func() { r.bytes.Add(p.bytes) }()
	if err := r.read(ctx, p, segments); err != nil {
		return err
	}
	p.segments = segments
	if len(p.files) < len(segments) {
		p.view = nil
		if had {
			r.log.Warn("project is answered without roll-ups: a file is damaged, was made by an older version, or memory is short",
				zap.Int64(logging.ProjectID, project), zap.Bool("damaged", p.damaged), zap.Int64("budget", r.budget-r.bytes.Load()))
		}
		return nil
	}
	all := make([]*rollup.File, len(segments))
	for i, s := range segments {
		all[i] = p.files[s.Path]
	}
	view, err := rollup.NewView(p.view, all)
	p.view = view
	return err // never: ReadRollUp refuses files of other projects
}

// read makes p.files those of segments, as far as they are available, and none
// when they do not fit. It must not find p's memory in r.bytes.
func (r *rollUps) read(ctx context.Context, p *projectRollUps, segments []segment.Segment) error {
	known := p.files
	p.files, p.bytes, p.damaged = map[string]*rollup.File{}, 0, false
	budget := r.budget - r.bytes.Load()
	onDisk := int64(0)
	for _, s := range segments {
		if s.RollUp == nil {
			return nil
		}
		onDisk += s.RollUp.Bytes
	}
	if p.density*float64(onDisk) > float64(budget) {
		return nil
	}
	var mu sync.Mutex
	var readBytes int64 // on disk
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, s := range segments {
		if f := known[s.Path]; f != nil {
			p.files[s.Path] = f
			p.bytes += f.Memory()
			readBytes += s.RollUp.Bytes
		}
	}
	for _, s := range segments {
		if known[s.Path] != nil {
			continue
		}
		g.Go(func() error {
			mu.Lock()
			full := p.bytes > budget
			mu.Unlock()
			if err := ctx.Err(); err != nil || full {
				return err
			}
			f, damaged := r.readOne(s)
			mu.Lock()
			defer mu.Unlock()
			p.damaged = p.damaged || damaged
			if f != nil {
				p.files[s.Path] = f
				p.bytes += f.Memory()
				readBytes += s.RollUp.Bytes
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if p.bytes > budget {
		p.density = float64(p.bytes) / float64(readBytes)
		p.files, p.bytes, p.damaged = nil, 0, false
	}
	return nil
}

// readOne returns nil for a roll-up that is not available. damaged means that it
// may come back.
func (r *rollUps) readOne(s segment.Segment) (f *rollup.File, damaged bool) {
	if err := r.files.CheckRollUp(s); err != nil {
		return nil, true // the reader reports it
	}
	f, err := r.files.ReadRollUp(s)
	if err != nil {
		r.log.Error("roll-up cannot be read", zap.String(logging.Segment, s.RollUpPath()), zap.Error(err))
		return nil, !errors.Is(err, rollup.ErrFormat)
	}
	return f, false
}
