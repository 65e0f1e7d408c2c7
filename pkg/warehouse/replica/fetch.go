package replica

import (
	"context"
	"errors"
	"iter"

	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
)

// prefetches is how many files are fetched at a time that no question waits for.
const prefetches = 4

// fetch has the roll-ups that are new in a snapshot in the folder, where they are in a
// bucket. The error is segment.ErrUnavailable: the snapshot before is complete, and
// answers in its place, as it does while Postgres is away. Other files are fetched when the
// snapshot is there: those of a merge are too large to have all projects wait for them.
func (r *Reader) fetch(ctx context.Context, known, next *manifest.Snapshot) error {
	if !r.files.Folder().HasBucket() {
		return nil
	}
	g, fetching := errgroup.WithContext(ctx)
	g.SetLimit(prefetches)
	for s := range added(known, next) {
		if s.RollUp == nil {
			continue
		}
		g.Go(func() error {
			release, err := r.files.Hold(fetching, s.ProjectID, s.RollUpFile())
			if err == nil {
				release()
			}
			if errors.Is(err, segment.ErrQuarantined) {
				return nil // the snapshot before may have it too
			}
			return err
		})
	}
	return g.Wait()
}

// added returns the segments that loads and merges added to a snapshot.
func added(known, next *manifest.Snapshot) iter.Seq[segment.Segment] {
	return func(yield func(segment.Segment) bool) {
		for project := range next.Differing(known) {
			_, came := next.Diff(known, project)
			for _, s := range came {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// prefetch fetches the files of segments as far as there is room for them: first those of
// events by user, which most questions need.
func (r *Reader) prefetch(ctx context.Context, segments []segment.Segment) {
	if !r.files.Folder().HasBucket() {
		return
	}
	var g errgroup.Group
	g.SetLimit(prefetches)
	get := func(s segment.Segment, f segment.File) {
		g.Go(func() error {
			_ = r.files.Folder().Prefetch(ctx, s.ProjectID, f) // whoever needs it says why it is missing
			return nil
		})
	}
	for _, s := range segments {
		if s.Users != nil && ctx.Err() == nil {
			get(s, s.UsersFile())
		}
	}
	for _, s := range segments {
		if ctx.Err() == nil {
			get(s, s.EventsFile())
		}
	}
	_ = g.Wait() // it has no errors
}
