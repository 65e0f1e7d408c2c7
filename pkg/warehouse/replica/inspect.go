package replica

import (
	"context"
	"time"

	"go.uber.org/zap"

	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
)

// sweepShare is how many times as long as a sweep the next one waits: with half a million
// files one takes a second, even when none has changed.
const sweepShare = 20

// inspector looks at the files of snapshots in the background, so that they are open, and
// damage is known, before a question meets them: at those that a snapshot brings at once,
// and at all of them in sweeps. Its methods are for one goroutine.
type inspector struct {
	reader   *Reader
	seen     *manifest.Snapshot         // the last one whose files were looked at; nil for none
	swept    *manifest.Snapshot         // the last one of which all were
	next     time.Time                  // no sweep before
	reported map[string]segment.Segment // damaged ones, by the path of the file
}

func newInspector(r *Reader) *inspector {
	return &inspector{reader: r, reported: map[string]segment.Segment{}}
}

// run looks at the files of each new snapshot until ctx ends.
func (i *inspector) run(ctx context.Context) {
	r := i.reader
	ticker := time.NewTicker(r.poll)
	defer ticker.Stop()
	for {
		r.mu.Lock()
		current, swapped := r.current, r.swapped
		r.mu.Unlock()
		var again <-chan time.Time
		if current != nil {
			i.look(ctx, current)
			if len(i.reported) > 0 || i.isNew(current.Snapshot) {
				again = ticker.C
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-swapped:
		case <-again:
		}
	}
}

// isNew says that there was no sweep over a version.
func (i *inspector) isNew(s *manifest.Snapshot) bool {
	return i.swept == nil || i.swept.Version != s.Version || i.swept.Position != s.Position
}

func (i *inspector) look(ctx context.Context, s *Snapshot) {
	if i.isNew(s.Snapshot) && !time.Now().Before(i.next) {
		i.sweep(ctx, s)
		return
	}
	for project := range s.Differing(i.seen) {
		_, came := s.Diff(i.seen, project)
		i.check(ctx, s, came)
	}
	if i.seen = s.Snapshot; len(i.reported) == 0 {
		return
	}
	damaged := make(map[string]segment.Segment, len(i.reported))
	for _, g := range i.reported {
		damaged[g.Path] = g
	}
	for _, g := range damaged {
		i.check(ctx, s, []segment.Segment{g})
	}
}

// sweep looks at all files of a snapshot and drops what is known of others.
func (i *inspector) sweep(ctx context.Context, s *Snapshot) {
	began := time.Now()
	r := i.reader
	live := make(map[string]bool, 4*s.Live())
	all := make([]segment.Segment, 0, s.Live())
	for g := range s.All() {
		all = append(all, g)
		for _, f := range g.Files() {
			live[f.Path] = true
		}
	}
	i.check(ctx, s, all)
	if ctx.Err() != nil {
		return
	}
	r.walks.retain(live)
	r.files.Forget(func(path string) bool { return live[path] })
	for path := range i.reported {
		if !live[path] {
			delete(i.reported, path)
		}
	}
	i.seen, i.swept, i.next = s.Snapshot, s.Snapshot, time.Now().Add(sweepShare*time.Since(began))
}

// check looks at the files of some segments of a snapshot and reports what became of them.
func (i *inspector) check(ctx context.Context, s *Snapshot, segments []segment.Segment) {
	i.reader.prefetch(ctx, segments)
	i.reader.walks.keep(ctx, s, segments) // before the events, of which there are more
	for _, g := range segments {
		for _, f := range g.Files() {
			if ctx.Err() != nil {
				return
			}
			i.report(g, f.Path, i.reader.files.Inspect(ctx, g.ProjectID, f))
		}
	}
}

func (i *inspector) report(s segment.Segment, path string, reason error) {
	fields := []zap.Field{zap.String(logging.Segment, path), zap.Int64(logging.ProjectID, s.ProjectID)}
	_, known := i.reported[path]
	switch {
	case reason != nil && !known:
		i.reported[path] = s
		i.reader.log.Error("segment is quarantined", append(fields, zap.Error(reason))...)
	case reason == nil && known:
		delete(i.reported, path)
		i.reader.log.Info("segment is whole again", fields...)
	}
}
