package replica

import (
	"cmp"
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

// rollUps keeps the roll-ups of a snapshot in memory, as many as the budget allows.
// Where it does not suffice, the projects that need least have theirs: one that grows
// becomes slow, and not the others. Its methods are for one goroutine.
type rollUps struct {
	files  *segment.Integrity
	budget int64
	log    *zap.Logger

	projects map[int64]*projectRollUps
	bytes    atomic.Int64 // that they take
	// freed is memory that the snapshot before still holds: it can be used once the next
	// one is in its place.
	freed int64
	// learned says that a project needs more than was estimated: others may have to give.
	learned bool
}

// projectRollUps are those of one project.
type projectRollUps struct {
	segments []segment.Segment
	files    map[string]*rollup.File // by the segment's path
	view     *rollup.View            // nil when some are not available
	bytes    int64                   // of files in memory
	damaged  bool
	short    bool // memory did not suffice
	// density is how much memory a byte on disk takes, once it is known: so that the
	// files are not reread on every refresh only to be discarded.
	density float64
}

func newRollUps(files *segment.Integrity, budget int64, log *zap.Logger) *rollUps {
	return &rollUps{files: files, budget: budget, log: log, projects: map[int64]*projectRollUps{}}
}

// pending says that more roll-ups may be available without a new snapshot: again,
// because they were damaged, or now that memory was freed.
func (r *rollUps) pending() bool {
	for _, p := range r.projects {
		if p.damaged || p.short && (r.freed > 0 || r.learned) {
			return true
		}
	}
	return false
}

// share is what a project has of a snapshot, and what it needs.
type share struct {
	project  int64
	segments []segment.Segment
	*projectRollUps
	need int64 // estimated bytes
	rank int64 // the lower, the sooner it has what it needs
}

// shares returns the projects of a snapshot, those that need least first.
func (r *rollUps) shares(s *manifest.Snapshot) []share {
	var all []share
	for project := range s.Projects() {
		p := r.projects[project]
		if p == nil {
			p = &projectRollUps{}
			r.projects[project] = p
		}
		one := share{project: project, segments: s.Segments(project, time.Time{}, time.Time{}), projectRollUps: p}
		density := p.density
		if density == 0 {
			density = 1 // until it was read
		}
		one.need = int64(density * float64(onDisk(one.segments)))
		if withoutRollUp(one.segments) {
			one.need = 0
		}
		one.rank = one.need
		if p.view != nil {
			one.rank -= one.need / 8 // so that two of about one size do not take turns
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b share) int { return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.project, b.project)) })
	return all
}

// withoutRollUp says that an older worker wrote one of the segments.
func withoutRollUp(segments []segment.Segment) bool {
	return slices.ContainsFunc(segments, func(s segment.Segment) bool { return s.RollUp == nil })
}

// onDisk is the size of the roll-ups of segments.
func onDisk(segments []segment.Segment) (bytes int64) {
	for _, s := range segments {
		if s.RollUp != nil {
			bytes += s.RollUp.Bytes
		}
	}
	return bytes
}

// follow reads what is new in a snapshot and returns the projects' roll-ups. Its
// error is that of ctx.
func (r *rollUps) follow(ctx context.Context, s *manifest.Snapshot) (map[int64]*rollup.View, error) {
	r.freed, r.learned = 0, false
	for project, p := range r.projects {
		if len(s.Segments(project, time.Time{}, time.Time{})) == 0 {
			r.drop(p)
			delete(r.projects, project)
		}
	}
	all := r.shares(s)
	left := r.budget
	for _, one := range all {
		if left -= one.need; left < 0 && one.view != nil {
			r.drop(one.projectRollUps)
			one.short = true
			r.warn(one.project, one.projectRollUps)
		}
	}
	views := map[int64]*rollup.View{}
	for _, one := range all {
		p := one.projectRollUps
		if p.damaged || p.short || !slices.EqualFunc(p.segments, one.segments, func(a, b segment.Segment) bool { return a.ID == b.ID && a.Path == b.Path }) {
			if err := r.update(ctx, one.project, p, one.segments); err != nil {
				return nil, err
			}
		}
		if p.view != nil {
			views[one.project] = p.view
		}
	}
	return views, nil
}

// drop gives up a project's roll-ups.
func (r *rollUps) drop(p *projectRollUps) {
	r.bytes.Add(-p.bytes)
	r.freed += p.bytes
	p.files, p.view, p.bytes = nil, nil, 0
}

func (r *rollUps) warn(project int64, p *projectRollUps) {
	r.log.Warn("project is answered without roll-ups: a file is damaged, was made by an older version, or memory is short",
		zap.Int64(logging.ProjectID, project), zap.Bool("damaged", p.damaged), zap.Bool("short", p.short), zap.Int64("budget", r.budget-r.bytes.Load()))
}

// update makes p the roll-ups of segments. What is damaged may come back: until
// then the rest stays in memory. What does not fit is dropped.
func (r *rollUps) update(ctx context.Context, project int64, p *projectRollUps, segments []segment.Segment) error {
	had := p.view != nil || p.segments == nil
	before := p.bytes
	r.bytes.Add(-p.bytes)
	defer func() {
		r.bytes.Add(p.bytes)
		if p.files == nil {
			r.freed += before
		}
	}()
	if err := r.read(ctx, p, segments); err != nil {
		return err
	}
	p.segments = segments
	if len(p.files) < len(segments) {
		p.view = nil
		if had {
			r.warn(project, p)
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
	p.files, p.bytes, p.damaged, p.short = map[string]*rollup.File{}, 0, false, false
	budget := r.budget - r.bytes.Load() - r.freed
	if withoutRollUp(segments) {
		return nil
	}
	if p.density*float64(onDisk(segments)) > float64(budget) {
		p.files, p.short = nil, true
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
			f, damaged := r.readOne(ctx, s)
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
	r.learned = r.learned || p.density == 0 && p.bytes > budget
	if readBytes > 0 {
		p.density = float64(p.bytes) / float64(readBytes)
	}
	if p.bytes > budget {
		p.files, p.bytes, p.damaged, p.short = nil, 0, false, true
	}
	return nil
}

// readOne returns nil for a roll-up that is not available. damaged means that it
// may come back.
func (r *rollUps) readOne(ctx context.Context, s segment.Segment) (f *rollup.File, damaged bool) {
	release, err := r.files.Hold(ctx, s.ProjectID, s.RollUpFile())
	if err != nil {
		return nil, true // the reader reports it
	}
	defer release()
	if err := r.files.Check(s.RollUpFile()); err != nil {
		return nil, true // the reader reports it
	}
	f, err = r.files.ReadRollUp(s)
	if err != nil {
		r.log.Error("roll-up cannot be read", zap.String(logging.Segment, s.RollUpPath()), zap.Error(err))
		return nil, !errors.Is(err, rollup.ErrFormat)
	}
	return f, false
}
