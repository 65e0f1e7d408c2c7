package lake

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"eventanalytics/pkg/clock"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
)

// sweepReads is how many files of metadata one Sweep reads to learn what tables need, one after
// the other while nothing is published: some 30 s with a bucket. A new term reads a list for
// each snapshot of each table; later ones are remembered.
const sweepReads = 1000

// Sweep deletes old files that no published table needs: of snapshots that are no longer listed,
// of withdrawn tables, and what a crash left behind. While a backup holds garbage collection, or
// waits for it to end, it deletes nothing.
func (p *Publisher) Sweep(ctx context.Context) error {
	return manifest.WithCollectionLock(ctx, p.deps.Pool, func() error {
		p.swept = clock.Now()
		held := false
		err := p.deps.Term.Commit(ctx, func(tx *manifest.Tx) (err error) {
			held, _, _, err = tx.Held(ctx)
			return err
		})
		if err != nil || held {
			return err
		}
		return p.sweep(ctx)
	})
}

// sweep lists the files before it reads the catalog. One that is old by then and that no table
// needs is never needed again: a new version of a table has files of the one before and new
// ones. What is younger than the grace period may be of a commit under way.
func (p *Publisher) sweep(ctx context.Context) error {
	if p.cfg.Interval == 0 {
		if ever, err := manifest.EverPublished(ctx, p.deps.Pool); err != nil || !ever {
			return err // where nobody uses tables, listing a bucket costs as much as its collection does
		}
	}
	names, err := p.deps.Folder.OldMetadata(ctx, clock.Now().Add(-p.cfg.GracePeriod))
	if err != nil || len(names) == 0 {
		return err
	}
	old := map[string][]string{} // by the folder of the project
	for _, name := range names {
		project, _, _ := strings.Cut(name, "/")
		old[project] = append(old[project], name)
	}
	lakes, err := manifest.Lakes(ctx, p.deps.Pool)
	if err != nil {
		return err
	}
	var errs []error
	before := p.reads
	for _, l := range lakes {
		project := strconv.FormatInt(l.Project, 10)
		if l.Location == "" || len(old[project]) == 0 {
			continue
		}
		if p.reads-before >= p.cfg.sweepReads {
			delete(old, project) // until the next time
			continue
		}
		needed, err := p.needed(ctx, l)
		if errors.Is(err, segment.ErrUnavailable) || ctx.Err() != nil {
			return err // it would be the same with the others
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("looking for what the table of project %d needs: %w", l.Project, err))
		}
		if needed == nil {
			delete(old, project)
			continue
		}
		old[project] = slices.DeleteFunc(old[project], func(name string) bool { return needed[name] })
	}
	unneeded := slices.Concat(slices.Collect(maps.Values(old))...)
	if err := p.deps.Folder.RemoveMetadata(ctx, unneeded...); err != nil {
		return errors.Join(append(errs, err)...)
	}
	p.deps.Metrics.collected.Add(float64(len(unneeded)))
	return errors.Join(errs...)
}

// needed returns the names of the files that a published table needs, or nil where that cannot
// be known: it was published for another location, or files of it are damaged or gone. All stay
// then until it is published anew, or withdrawn: the catalog names some of them.
func (p *Publisher) needed(ctx context.Context, l manifest.Lake) (map[string]bool, error) {
	t, err := p.open(ctx, l, l.Incarnation)
	if t == nil || err != nil {
		return nil, unlessBeyondReading(err)
	}
	needed, err := p.references(ctx, t)
	if err != nil {
		return nil, unlessBeyondReading(err)
	}
	return needed, nil
}

func unlessBeyondReading(err error) error {
	if beyondReading(err) {
		return nil
	}
	return err
}

// beyondReading says that reading files again would not help.
func beyondReading(err error) bool {
	return errors.Is(err, errUnreadable) || errors.Is(err, fs.ErrNotExist)
}
