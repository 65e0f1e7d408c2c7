package names

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"eventanalytics/pkg/event"
)

const (
	// maxCached is how many names of all projects are kept in memory, at about 40 bytes
	// each.
	maxCached = 1_000_000
	// maxSet is how many names of one project are read into memory. Those that had more
	// before there was a bound are asked about by the batch.
	maxSet = 250_000
	// maxUncounted bounds what one batch adds to a project whose names are not counted
	// yet.
	maxUncounted = 100_000
)

// Registry admits events by their names. Its methods may be called at the same time.
type Registry struct {
	bounds  counts
	maxSet  int
	pool    *pgxpool.Pool
	cache   *cache
	refused [kinds]prometheus.Counter
}

// New makes a Registry.
func New(cfg Config, pool *pgxpool.Pool, registry prometheus.Registerer) *Registry {
	refused := promauto.With(registry).NewCounterVec(prometheus.CounterOpts{
		Name: "analytics_ingest_names_refused_total", Help: "Events rejected because their project has as many event types or property names as it may.",
	}, []string{"kind"})
	return &Registry{
		bounds: counts{EventType: cfg.EventTypes, Property: cfg.Properties}, maxSet: maxSet, pool: pool, cache: newCache(maxCached),
		refused: [kinds]prometheus.Counter{EventType: refused.WithLabelValues("event-type"), Property: refused.WithLabelValues("property")},
	}
}

// errRefused undoes what was added for an atomic batch that is not stored.
var errRefused = errors.New("an event has a name too many")

// Admit adds the names of a batch that are new to its project, and refuses the events,
// in the order of the batch, with which the project would have more names than it may.
// Those of events before count. When atomic and an event is refused, no name is added.
//
// Names are committed when Admit returns, before the events are stored: a batch that
// then fails has its names nevertheless, and finds them when it is sent again. The
// bounds are exact, however many requests and replicas there are: every addition locks
// the project's row. A batch without new names takes no lock, and asks Postgres
// nothing once the project's names are in memory.
func (r *Registry) Admit(ctx context.Context, project int64, batch *event.Batch, atomic bool) error {
	s := r.cache.get(project)
	if s == nil {
		var err error
		if s, err = r.load(ctx, project, batch); err != nil {
			return err
		}
	}
	if allKnown(s, batch) {
		return nil
	}
	if full, err := r.full(ctx, project, s); err != nil {
		return err
	} else if full { // nothing can be added: no lock
		a := admission{set: s, bounds: r.bounds, counts: s.size()}
		r.refuse(&a, batch)
		return nil
	}
	return r.add(ctx, project, s, batch, atomic)
}

// full says whether the project has as many names of each kind as it may, all of which
// are in s.
func (r *Registry) full(ctx context.Context, project int64, s *set) (bool, error) {
	c, counted, err := read(ctx, r.pool, countsSQL, project)
	if err != nil {
		return false, err
	}
	return counted && c == s.size() && c[EventType] >= r.bounds[EventType] && c[Property] >= r.bounds[Property], nil
}

// add adds the names of a batch that s does not have.
func (r *Registry) add(ctx context.Context, project int64, s *set, batch *event.Batch, atomic bool) error {
	var a admission
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		c, counted, err := lock(ctx, tx, project)
		if err != nil {
			return err
		}
		if s.size() != c {
			if s, err = r.read(ctx, tx, project, c, batch); err != nil {
				return err
			}
		}
		a = admission{set: s, bounds: r.bounds, counts: c}
		if !counted {
			a.bounds = counts{EventType: c[EventType] + maxUncounted, Property: c[Property] + maxUncounted}
		}
		if r.refuse(&a, batch); atomic && a.refused {
			return errRefused
		}
		if len(a.names) == 0 {
			return nil
		}
		return insert(ctx, tx, project, a.names)
	})
	if errors.Is(err, errRefused) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("admitting names of project %d: %w", project, err)
	}
	s.mu.Lock()
	for _, n := range a.names {
		s.hashes[n.kind][n.hash] = struct{}{}
	}
	s.counts = a.counts
	s.mu.Unlock()
	r.keep(project, s)
	return nil
}

// keep keeps a set in memory, unless it is only what a batch asked for.
func (r *Registry) keep(project int64, s *set) {
	size := s.size()
	if n := size[EventType] + size[Property]; n <= r.maxSet {
		r.cache.put(project, s, n)
	}
}

// refuse decides about each event of a batch.
func (r *Registry) refuse(a *admission, batch *event.Batch) {
	a.set.mu.RLock()
	defer a.set.mu.RUnlock()
	batch.Refuse(func(e *event.Event) *event.Mistake {
		m := a.decide(e)
		if m != nil {
			a.refused = true
			if m.Field == "event_type" {
				r.refused[EventType].Inc()
			} else {
				r.refused[Property].Inc()
			}
		}
		return m
	})
}

// load reads a project's names and keeps them.
func (r *Registry) load(ctx context.Context, project int64, batch *event.Batch) (s *set, err error) {
	// One version of both: names that are added in between would not be counted.
	err = pgx.BeginTxFunc(ctx, r.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		c, _, err := read(ctx, tx, countsSQL, project)
		if err != nil {
			return err
		}
		s, err = r.read(ctx, tx, project, c, batch)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("loading names of project %d: %w", project, err)
	}
	r.keep(project, s)
	return s, nil
}

const namesSQL = `SELECT kind, hash FROM analytics.names WHERE project_id = $1`

const someNamesSQL = namesSQL + ` AND hash = ANY ($2::bytea[])`

// read reads a project's names: all or, if they are too many, those of a batch.
func (r *Registry) read(ctx context.Context, db querier, project int64, c counts, batch *event.Batch) (*set, error) {
	s := &set{hashes: [kinds]map[hash]struct{}{EventType: {}, Property: {}}, counts: c}
	sql, args := namesSQL, []any{project}
	if c[EventType]+c[Property] > r.maxSet {
		sql, args = someNamesSQL, append(args, hashesOf(batch))
	}
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("reading names: %w", err)
	}
	var kind Kind
	var text []byte
	if _, err := pgx.ForEachRow(rows, []any{&kind, &text}, func() error {
		s.hashes[kind][hash(text)] = struct{}{}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("reading names: %w", err)
	}
	return s, nil
}
