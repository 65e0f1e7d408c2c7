package warehouse

import (
	"context"
	"errors"
	"maps"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/warehouse/rollup"
)

// rollUps keeps the roll-ups of a snapshot in memory, as many as the budget
// allows. Its methods are for one goroutine.
type rollUps struct {
	dir    string
	files  *integrity
	budget int64
	log    *zap.Logger

	projects map[int64]*projectRollUps
	bytes    atomic.Int64 // that they take
}

// projectRollUps are those of one project.
type projectRollUps struct {
	segments []Segment
	files    map[string]*rollup.File // by the segment's path
	view     *rollup.View            // nil when some could not be had
	bytes    int64                   // of files in memory
	damaged  bool
	// density is how much memory a byte on disk takes, once the project did not
	// fit: so that the files are not read in vain again and again.
	density float64
}

func newRollUps(dir string, files *integrity, budget int64, log *zap.Logger) *rollUps {
	return &rollUps{dir: dir, files: files, budget: budget, log: log, projects: map[int64]*projectRollUps{}}
}

// WithRollUps returns a snapshot with the roll-ups of its segments, as a Reader
// has them, however much memory they take.
func (db *DB) WithRollUps(ctx context.Context, s *Snapshot) (*Snapshot, error) {
	views, err := newRollUps(db.dir, db.files, math.MaxInt64, zap.NewNop()).follow(ctx, s)
	if err != nil {
		return nil, err
	}
	return s.with(views), nil
}

// damaged says that it makes sense to try again without a new snapshot.
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
func (r *rollUps) follow(ctx context.Context, s *Snapshot) (map[int64]*rollup.View, error) {
	for project, p := range r.projects {
		if len(s.segments[project]) == 0 {
			r.bytes.Add(-p.bytes)
			delete(r.projects, project)
		}
	}
	views := make(map[int64]*rollup.View, len(s.segments))
	// In one order, so that memory goes to the same projects each time.
	for _, project := range slices.Sorted(maps.Keys(s.segments)) {
		p := r.projects[project]
		if p == nil {
			p = &projectRollUps{}
			r.projects[project] = p
		}
		if p.damaged || !slices.EqualFunc(p.segments, s.segments[project], func(a, b Segment) bool { return a.ID == b.ID && a.Path == b.Path }) {
			if err := r.update(ctx, project, p, s.segments[project]); err != nil {
				return nil, err
			}
		}
		if p.view != nil {
			views[project] = p.view
		}
	}
	return views, nil
}

// update makes p the roll-ups of segments. What is damaged may come back: the
// rest stays in memory meanwhile. What does not fit is dropped.
func (r *rollUps) update(ctx context.Context, project int64, p *projectRollUps, segments []Segment) error {
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
	for i, segment := range segments {
		all[i] = p.files[segment.Path]
	}
	view, err := rollup.NewView(p.view, all)
	p.view = view
	return err // never: readRollUp refuses files of other projects
}

// read makes p.files those of segments, as far as they can be had: of none when
// they do not fit. p's memory is not part of r.bytes meanwhile.
func (r *rollUps) read(ctx context.Context, p *projectRollUps, segments []Segment) error {
	known := p.files
	p.files, p.bytes, p.damaged = map[string]*rollup.File{}, 0, false
	budget := r.budget - r.bytes.Load()
	onDisk := int64(0)
	for _, segment := range segments {
		if segment.RollUp == nil {
			return nil
		}
		onDisk += segment.RollUp.Bytes
	}
	if p.density*float64(onDisk) > float64(budget) {
		return nil
	}
	var mu sync.Mutex
	var readBytes int64 // on disk
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, segment := range segments {
		if f := known[segment.Path]; f != nil {
			p.files[segment.Path] = f
			p.bytes += f.Memory()
			readBytes += segment.RollUp.Bytes
		}
	}
	for _, segment := range segments {
		if known[segment.Path] != nil {
			continue
		}
		g.Go(func() error {
			mu.Lock()
			full := p.bytes > budget
			mu.Unlock()
			if err := ctx.Err(); err != nil || full {
				return err
			}
			f, damaged := r.readOne(segment)
			mu.Lock()
			defer mu.Unlock()
			p.damaged = p.damaged || damaged
			if f != nil {
				p.files[segment.Path] = f
				p.bytes += f.Memory()
				readBytes += segment.RollUp.Bytes
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

// readOne returns nil for a roll-up that cannot be had. damaged means that it may
// come back.
func (r *rollUps) readOne(segment Segment) (f *rollup.File, damaged bool) {
	if err := r.files.checkRollUp(segment); err != nil {
		return nil, true // the reader reports it
	}
	f, err := readRollUp(r.dir, segment, func() error { return r.files.checkRollUp(segment) })
	if err != nil {
		r.log.Error("roll-up cannot be read", zap.String(logging.Segment, segment.RollUpPath()), zap.Error(err))
		return nil, !errors.Is(err, rollup.ErrFormat)
	}
	return f, false
}
