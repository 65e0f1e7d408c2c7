// Package lake publishes the segments of projects as Iceberg tables, a table for each project
// that wants one, which engines of others read where the files are. A table is derived from
// the manifest, by whose rows alone it is made: no file of events is opened or copied. After a
// crash the two are compared again.
//
// Files of tables are written before the transaction that publishes them, as those of segments
// are. ADR 45 has the rules by which files stay as long as a listed snapshot needs them.
package lake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"eventanalytics/pkg/clock"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/syncworker/lease"
)

const (
	// maxSnapshots bounds what a table lists, and with that the size of its metadata.
	maxSnapshots = 100
	// publishTimeout bounds how long one project holds up the others.
	publishTimeout = time.Minute
)

// Config of the publisher.
type Config struct {
	// Interval from one round to the next; 0 withdraws all tables and publishes none.
	Interval time.Duration
	// Location of the warehouse folder or the bucket with its prefix, as readers see it, without
	// a slash at its end.
	Location string
	// Keep is how long a snapshot stays listed after the next one.
	Keep time.Duration
	// GracePeriod is how old a file is that may be deleted when no table needs it.
	GracePeriod time.Duration
	// SweepInterval is how often such files are looked for.
	SweepInterval time.Duration

	manifestFiles, sweepReads int // of tests
}

// Deps are what the publisher needs.
type Deps struct {
	Pool    *pgxpool.Pool
	Term    *lease.Term
	Folder  *segment.Folder
	Log     *zap.Logger
	Metrics *Metrics
}

// Publisher publishes tables during one term.
type Publisher struct {
	cfg    Config
	deps   Deps
	tables map[int64]*table
	seen   uint64 // xmin of the state that was looked at last
	// fresh says when a project's table was last what the manifest had; all of them are in it.
	fresh map[int64]time.Time
	// again are projects to look at although nothing changed.
	again map[int64]bool
	swept time.Time // when the last Sweep began
	reads int       // files of metadata that were read
}

// New makes the publisher of a term.
func New(cfg Config, deps Deps) *Publisher {
	if cfg.manifestFiles == 0 {
		cfg.manifestFiles = manifestFiles
	}
	if cfg.sweepReads == 0 {
		cfg.sweepReads = sweepReads
	}
	return &Publisher{cfg: cfg, deps: deps, tables: map[int64]*table{}, fresh: map[int64]time.Time{}, again: map[int64]bool{}}
}

// Run publishes until ctx ends. It returns manifest.ErrFenced when another worker leads;
// other failures are logged, and what failed is tried again in the next round.
func (p *Publisher) Run(ctx context.Context) error {
	defer p.deps.Metrics.clear()
	pause := p.cfg.Interval
	if pause == 0 {
		pause = p.cfg.SweepInterval
	}
	for ctx.Err() == nil {
		if err := p.deps.Term.RetryLater(ctx, "publishing tables", p.Round); err != nil {
			return err
		}
		if clock.Now().Sub(p.swept) >= p.cfg.SweepInterval {
			if err := p.deps.Term.RetryLater(ctx, "collecting files of tables", p.Sweep); err != nil {
				return err
			}
		}
		clock.Pause(ctx, pause)
	}
	return nil
}

// Round brings all tables up to date, and withdraws those that are not wanted any more. A
// project that fails does not hold up the others.
func (p *Publisher) Round(ctx context.Context) error {
	changed, xmin, err := manifest.ChangedProjects(ctx, p.deps.Pool, p.seen)
	if err != nil {
		return err
	}
	lakes, err := manifest.Lakes(ctx, p.deps.Pool)
	if err != nil {
		return err
	}
	differs := map[int64]bool{}
	for _, project := range changed {
		differs[project] = true
	}
	var errs []error
	wanted := map[int64]bool{}
	waiting := 0
	for _, l := range lakes {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !l.Wanted || p.cfg.Interval == 0 {
			errs = append(errs, p.withdraw(ctx, l))
			continue
		}
		wanted[l.Project] = true
		if p.fresh[l.Project].IsZero() {
			p.fresh[l.Project] = clock.Now()
		}
		if !differs[l.Project] && !p.due(l) {
			p.fresh[l.Project] = clock.Now()
			continue
		}
		err := p.publish(ctx, l)
		if p.again[l.Project] = err != nil; err == nil {
			p.fresh[l.Project] = clock.Now()
			continue
		}
		if errors.Is(err, manifest.ErrFenced) {
			return err
		}
		if errors.Is(err, errNoFieldIDs) {
			waiting++
			p.deps.Log.Info("a table waits for segments to be upgraded", zap.Int64(logging.ProjectID, l.Project), zap.Error(err))
			continue
		}
		p.deps.Metrics.failures.Inc()
		errs = append(errs, fmt.Errorf("publishing project %d: %w", l.Project, err))
	}
	p.seen = xmin
	p.forget(wanted)
	p.deps.Metrics.round(p.fresh, clock.Now(), waiting)
	return errors.Join(errs...)
}

// due says whether a table is to be looked at although its segments are the same.
func (p *Publisher) due(l manifest.Lake) bool {
	t := p.tables[l.Project]
	return p.again[l.Project] || t == nil || t.Published != l.Published || t.expired(clock.Now(), p.cfg.Keep, maxSnapshots) > 0
}

// forget what is known of projects that want no table any more.
func (p *Publisher) forget(wanted map[int64]bool) {
	for project := range p.fresh {
		if !wanted[project] {
			delete(p.fresh, project)
			delete(p.again, project)
			delete(p.tables, project)
		}
	}
}

// errNoFieldIDs is returned for a project with segments whose columns engines would look up by
// their names.
var errNoFieldIDs = errors.New("segments have columns without ids")

// publish brings the table of a project up to date.
func (p *Publisher) publish(ctx context.Context, l manifest.Lake) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	live, err := manifest.ReadProject(ctx, p.deps.Pool, l.Project)
	if err != nil {
		return err
	}
	old := 0
	for i := range live.Segments {
		if !live.Segments[i].FieldIDs {
			old++
		}
	}
	switch {
	case old > 0:
		return fmt.Errorf("%w: %d of %d", errNoFieldIDs, old, len(live.Segments))
	case len(live.Segments) == 0:
		return p.withdraw(ctx, l)
	}
	began := time.Now()
	t, err := p.open(ctx, l, live.Position.Incarnation)
	if err == nil && t != nil && p.tables[l.Project] != t {
		err = t.compare(live.Segments)
	}
	if beyondReading(err) {
		p.deps.Log.Warn("a table is made again", zap.Int64(logging.ProjectID, l.Project), zap.Error(err))
		t, err = nil, nil
	}
	if err != nil {
		return err
	}
	published, err := p.commit(ctx, l, t, live)
	if err != nil {
		return err
	}
	if published {
		p.deps.Metrics.commits.Observe(time.Since(began).Seconds())
	} else {
		p.tables[l.Project] = t
	}
	return nil
}

// withdraw takes a project's table out of the catalog. Sweep deletes its files.
func (p *Publisher) withdraw(ctx context.Context, l manifest.Lake) error {
	delete(p.tables, l.Project)
	if l.Location == "" {
		return nil
	}
	if err := p.deps.Term.Commit(ctx, func(tx *manifest.Tx) error { return tx.Withdraw(ctx, l.Project) }); err != nil {
		return err
	}
	p.deps.Log.Info("withdrew a table", zap.Int64(logging.ProjectID, l.Project))
	return nil
}
