package stats

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/singleflight"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/cohort"
	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/warehouse/persons"
	"eventanalytics/services/stats/engine"
)

const (
	// cohortProjects are whose cohorts are remembered: at most 256 KiB of filters each.
	cohortProjects = 256
	// cohortLists are the lists whose users' keys are remembered: at most 2 MB each.
	cohortLists = 64
	// setBytes are for the sets of users that filters on them come to.
	setBytes = 32 << 20
	// readTime is how long reading cohorts may take.
	readTime = 5 * time.Second
	// listTime is how long looking up the users of a list may take: a million take seconds.
	listTime = 30 * time.Second
)

// cohorts reads cohorts from Postgres, and remembers them as package auth does keys.
type cohorts struct {
	pool         *pgxpool.Pool
	fresh, stale time.Duration
	now          func() time.Time
	known        *lru.Cache[int64, knownCohorts] // by project
	lists        *lru.Cache[int64, *userList]    // by version
	reading      singleflight.Group
}

type knownCohorts struct {
	all cohort.All
	at  time.Time
}

func newCohorts(cfg auth.Config, pool *pgxpool.Pool, now func() time.Time) (*cohorts, error) {
	known, err := lru.New[int64, knownCohorts](cohortProjects)
	if err != nil {
		return nil, fmt.Errorf("making the cache of cohorts: %w", err)
	}
	lists, err := lru.New[int64, *userList](cohortLists)
	if err != nil {
		return nil, fmt.Errorf("making the cache of lists: %w", err)
	}
	return &cohorts{pool: pool, fresh: cfg.CacheFor, stale: cfg.HonourFor, now: now, known: known, lists: lists}, nil
}

// of returns a project's cohorts for a question that names some of them, and what tells
// these apart from what they were. data is the version of the project's events and of its
// persons, m.
func (c *cohorts) of(ctx context.Context, project int64, named []cohort.Place, data string, m *persons.Map) (all map[string]engine.Cohort, keys []string, err error) {
	if len(named) == 0 {
		return nil, nil, nil
	}
	known, err := c.read(ctx, project)
	if slices.ContainsFunc(named, func(p cohort.Place) bool { _, ok := known[p.Name]; return !ok }) {
		c.known.Remove(project) // one that was made just now works at once
		known, err = c.read(ctx, project)
	}
	if err != nil {
		return nil, nil, err
	}
	for _, p := range named {
		if _, ok := known[p.Name]; !ok {
			return nil, nil, problem.Invalid("unknown-cohort", p.Path, "the project has no cohort "+p.Name)
		}
	}
	for _, name := range cohort.NamesOf(named) {
		keys = append(keys, name, known[name].Key)
	}
	return c.named(project, known, data, m), keys, nil
}

// named are a project's cohorts as questions name them. Lists of users are of persons: of
// the root of each id.
func (c *cohorts) named(project int64, known cohort.All, data string, m *persons.Map) map[string]engine.Cohort {
	all := make(map[string]engine.Cohort, len(known))
	for name, one := range known {
		all[name] = engine.Cohort{Key: one.Key, Filter: one.Filter}
		if one.IsList {
			all[name] = engine.Cohort{Key: one.Key, Users: func(ctx context.Context) (*roaring.Bitmap, error) {
				return c.users(ctx, project, one, data, m)
			}}
		}
	}
	return all
}

// read returns the cohorts of a project as they were a moment ago.
func (c *cohorts) read(ctx context.Context, project int64) (cohort.All, error) {
	known, seen := c.known.Get(project)
	age := c.now().Sub(known.at)
	if seen && age < c.fresh {
		return known.all, nil
	}
	at := c.now()
	result, err := c.once(ctx, fmt.Sprint("project ", project), readTime, func(ctx context.Context) (any, error) {
		return cohort.Read(ctx, c.pool, project)
	})
	if err == nil {
		all := result.(cohort.All)
		c.known.Add(project, knownCohorts{all, at})
		return all, nil
	}
	if seen && age < c.stale && postgres.Unavailable(err) {
		return known.all, nil
	}
	return nil, err
}

// once has callers at the same time share what is read. One that hangs up does not fail
// the others.
func (c *cohorts) once(ctx context.Context, what string, most time.Duration, read func(context.Context) (any, error)) (any, error) {
	shared := c.reading.DoChan(what, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), most)
		defer cancel()
		return read(ctx)
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-shared:
		return r.Val, r.Err
	}
}

// userList has the keys of a list's users.
type userList struct {
	mu    sync.Mutex
	data  string // version of the events whose users were looked up
	keys  int64  // of the project's users that were looked up, from 0 on
	users *roaring.Bitmap
	// folded are the persons of these users.
	folded *roaring.Bitmap
}

// users returns the keys of the persons of a list's users. Those of users who came since it was read last
// are added: the others have no other keys.
func (c *cohorts) users(ctx context.Context, project int64, one cohort.Definition, data string, m *persons.Map) (*roaring.Bitmap, error) {
	l, ok := c.lists.Get(one.Version)
	if !ok {
		l = &userList{}
		if before, known, _ := c.lists.PeekOrAdd(one.Version, l); known {
			l = before
		}
	}
	if users := l.of(data); users != nil {
		return users, nil
	}
	result, err := c.once(ctx, fmt.Sprint("list ", one.Version, " ", data), listTime, func(ctx context.Context) (any, error) {
		return l.bring(ctx, c.pool, project, one, data, m)
	})
	if err != nil {
		if errors.Is(err, cohort.ErrChanged) {
			c.known.Remove(project)
		}
		return nil, err
	}
	return result.(*roaring.Bitmap), nil
}

// of returns the persons for a version of the events, or nil.
func (l *userList) of(data string) *roaring.Bitmap {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.data != data {
		return nil
	}
	return l.folded
}

// maxNew is how many new users are compared with all of a list; of more the list's are
// looked up.
const maxNew = 20_000

// bring brings the list up to date.
func (l *userList) bring(ctx context.Context, pool *pgxpool.Pool, project int64, one cohort.Definition, data string, m *persons.Map) (*roaring.Bitmap, error) {
	l.mu.Lock()
	known, users := l.keys, l.users
	l.mu.Unlock()
	now, err := cohort.CountKeys(ctx, pool, project)
	if err != nil {
		return nil, err
	}
	switch {
	case users == nil || now-known > maxNew:
		users = roaring.New()
		err = cohort.Keys(ctx, pool, project, one.ID, one.Version, users.Add)
	case now > known:
		users = users.Clone()
		err = cohort.NewKeys(ctx, pool, project, one.ID, one.Version, known, now, users.Add)
	}
	if err != nil {
		return nil, err
	}
	folded := m.Fold(users)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.data, l.keys, l.users, l.folded = data, now, users, folded
	return folded, nil
}
