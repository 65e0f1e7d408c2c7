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

	followed *manifest.Snapshot // the last one
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
	wanted   []segment.Segment
	onDisk   int64                   // of the roll-ups of wanted; 0 where one of them has none
	segments []segment.Segment       // that files and view are of
	files    map[string]*rollup.File // by the segment's path
	view     *rollup.View            // nil when some are not available
	bytes    int64                   // of files in memory
	read     int64                   // of files on disk
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

// share is what a project needs.
type share struct {
	project int64
	*projectRollUps
	need int64 // estimated bytes
	rank int64 // the lower, the sooner it has what it needs
}

// shares returns all projects, those that need least first unless it is known that all can
// have what they need.
func (r *rollUps) shares() []share {
	all, total, known := make([]share, 0, len(r.projects)), int64(0), true
	for project, p := range r.projects {
		one := share{project: project, projectRollUps: p}
		density := p.density
		if density == 0 {
			density, known = 1, false // until it was read
		}
		one.need = int64(density * float64(p.onDisk))
		one.rank = one.need
		if p.view != nil {
			one.rank -= one.need / 8 // so that two of about one size do not take turns
		}
		total += one.need
		all = append(all, one)
	}
	if !known || total > r.budget {
		slices.SortFunc(all, func(a, b share) int { return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.project, b.project)) })
	}
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
// error is that of ctx. Beside what changed it looks at each project once.
func (r *rollUps) follow(ctx context.Context, s *manifest.Snapshot) (map[int64]*rollup.View, error) {
	r.freed, r.learned = 0, false
	for project := range s.Differing(r.followed) {
		p, segments := r.projects[project], s.Segments(project, time.Time{}, time.Time{})
		switch {
		case len(segments) == 0:
			if p != nil {
				r.drop(p)
				delete(r.projects, project)
			}
			continue
		case p == nil:
			p = &projectRollUps{}
			r.projects[project] = p
		}
		p.wanted, p.onDisk = segments, 0
		if !withoutRollUp(segments) {
			p.onDisk = onDisk(segments)
		}
	}
	r.followed = s
	all := r.shares()
	left := r.budget
	for _, one := range all {
		if left -= one.need; left < 0 && one.view != nil {
			r.drop(one.projectRollUps)
			one.short = true
			r.warn(one.project, one.projectRollUps)
		}
	}
	views := make(map[int64]*rollup.View, len(all))
	for _, one := range all {
		p := one.projectRollUps
		if p.damaged || p.short || p.isBehind() {
			if err := r.update(ctx, one.project, p, p.wanted); err != nil {
				return nil, err
			}
		}
		if p.view != nil {
			views[one.project] = p.view
		}
	}
	return views, nil
}

// isBehind says that the segments are not those that are wanted.
func (p *projectRollUps) isBehind() bool {
	if len(p.segments) == len(p.wanted) && (len(p.wanted) == 0 || &p.segments[0] == &p.wanted[0]) {
		return false // nearly always
	}
	if !slices.EqualFunc(p.segments, p.wanted, func(a, b segment.Segment) bool { return a.ID == b.ID && a.Path == b.Path }) {
		return true
	}
	p.segments = p.wanted
	return false
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
	left, came, err := r.read(ctx, p, segments)
	if err != nil {
		p.view = nil // it is of segments whose files may be gone
		return err
	}
	p.segments = segments
	switch {
	case len(p.files) < len(segments):
		p.view = nil
		if had {
			r.warn(project, p)
		}
	case p.view != nil:
		p.view, err = p.view.Change(left, came)
	default:
		all := make([]*rollup.File, len(segments))
		for i, s := range segments {
			all[i] = p.files[s.Path]
		}
		p.view, err = rollup.NewView(all)
	}
	return err // never: ReadRollUp refuses files of other projects
}

// read makes p.files those of segments, as far as they are available, and none
// when they do not fit. It must not find p's memory in r.bytes. It returns the files that
// left since p had a view, and those that came, in the order of segments.
func (r *rollUps) read(ctx context.Context, p *projectRollUps, segments []segment.Segment) (left, came []*rollup.File, err error) {
	p.damaged, p.short = false, false
	budget := r.budget - r.bytes.Load() - r.freed
	if p.onDisk == 0 {
		p.files, p.bytes, p.read = map[string]*rollup.File{}, 0, 0
		return nil, nil, nil
	}
	if p.density*float64(p.onDisk) > float64(budget) {
		p.files, p.bytes, p.read, p.short = nil, 0, 0, true
		return nil, nil, nil
	}
	gone, missing := p.difference(segments)
	for _, s := range gone {
		left = append(left, p.remove(s))
	}
	if err := r.readAll(ctx, p, missing, budget); err != nil {
		return nil, nil, err
	}
	for _, s := range missing {
		came = append(came, p.files[s.Path])
	}
	r.learned = r.learned || p.density == 0 && p.bytes > budget
	if p.read > 0 {
		p.density = float64(p.bytes) / float64(p.read)
	}
	if p.bytes > budget {
		p.files, p.bytes, p.read, p.damaged, p.short = nil, 0, 0, false, true
	}
	return left, came, nil
}

// difference returns the segments that p has files of beside those of segments, and of these
// the ones whose files it has not.
func (p *projectRollUps) difference(segments []segment.Segment) (gone, missing []segment.Segment) {
	hasFile := func(s segment.Segment) bool { return p.files[s.Path] != nil }
	if p.view != nil { // then it has those of p.segments
		gone, missing = manifest.Difference(p.segments, segments)
		return gone, slices.DeleteFunc(missing, hasFile)
	}
	known := p.files
	p.files, p.bytes, p.read = make(map[string]*rollup.File, len(segments)), 0, 0
	for _, s := range segments {
		if f := known[s.Path]; f != nil {
			p.add(s, f)
		} else {
			missing = append(missing, s)
		}
	}
	return nil, missing
}

func (p *projectRollUps) add(s segment.Segment, f *rollup.File) {
	p.files[s.Path] = f
	p.bytes += f.Memory()
	p.read += s.RollUp.Bytes
}

func (p *projectRollUps) remove(s segment.Segment) *rollup.File {
	f := p.files[s.Path]
	delete(p.files, s.Path)
	p.bytes -= f.Memory()
	p.read -= s.RollUp.Bytes
	return f
}

// readAll adds the files of segments, until they take more than budget.
func (r *rollUps) readAll(ctx context.Context, p *projectRollUps, segments []segment.Segment, budget int64) error {
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, s := range segments {
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
				p.add(s, f)
			}
			return nil
		})
	}
	return g.Wait()
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
