package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/client"
	"eventanalytics/tests/harness/account"
)

// run is what the rounds share.
type run struct {
	cluster *cluster
	report  *Report
	dir     string         // of the journals
	owner   *client.Client // of the projects
}

// A round has two projects, to show that neither sees the other's events, and two
// clients for each.
const (
	projects = 2
	clients  = 2 * projects
)

// clientsOf returns the clients of a round's project.
func clientsOf(project int) []int { return []int{project, project + projects} }

// round lets clients post to new projects while one fault strikes, heals, and
// checks.
func (r *run) round(ctx context.Context, number int, seed uint64, f fault) error {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	c := r.cluster
	if err := c.age(ctx); err != nil {
		return err
	}
	var all [projects]*project
	for i := range all {
		var err error
		if all[i], err = r.newProject(ctx, number); err != nil {
			return err
		}
	}
	struck, err := r.post(ctx, number, seed, f, all)
	if err != nil {
		return err
	}
	r.report.strike(f.name, struck)
	if err := errors.Join(c.drain(ctx), c.noDeadlocks(ctx), c.epochsRise(ctx)); err != nil {
		return err
	}
	for i, p := range all {
		done := &finished{project: p, round: number, clients: clientsOf(i)}
		s, err := r.check(ctx, done)
		if err != nil {
			return err
		}
		r.report.add(s, len(done.events))
		c.finished = append(c.finished, done)
	}
	if err := c.strangers(ctx, all); err != nil {
		return err
	}
	return r.checkAgain(ctx)
}

// check compares the journals of a project's clients with everything stored of it.
func (r *run) check(ctx context.Context, f *finished) (*story, error) {
	s, err := readStory(r.dir, f.round, f.clients...)
	if err != nil {
		return nil, err
	}
	f.position = newest(s.positions)
	if f.events, err = (&checker{r.cluster, f.project, s}).check(ctx); err != nil {
		return nil, err
	}
	return s, r.cluster.answers(ctx, f.project, f.position, f.events)
}

// recent is how many finished projects are rechecked after each round: merges and
// deletions since then must have changed nothing.
const recent = 3

func (r *run) checkAgain(ctx context.Context) error {
	all := r.cluster.finished
	before := all[:len(all)-projects]
	for _, f := range before[max(0, len(before)-recent):] {
		if err := r.unchanged(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// checkAll rechecks all projects, and checks that no files are left over.
func (r *run) checkAll(ctx context.Context) error {
	for _, f := range r.cluster.finished {
		if err := r.unchanged(ctx, f); err != nil {
			return err
		}
	}
	return r.cluster.noLitter(ctx)
}

func (r *run) unchanged(ctx context.Context, f *finished) error {
	if _, err := r.check(ctx, f); err != nil {
		return fmt.Errorf("project %d of round %d: %w", f.id, f.round, err)
	}
	return nil
}

// post runs the clients, the fault and the watchers. It returns when everything is
// healed and the clients have stopped.
func (r *run) post(ctx context.Context, number int, seed uint64, f fault, all [projects]*project) (struck bool, err error) {
	over, done := make(chan struct{}), make(chan struct{})
	g, ctx := errgroup.WithContext(ctx)
	for i, replica := range []string{"stats-1", "stats-2"} {
		g.Go(func() error { return r.cluster.watch(ctx, replica, all[i], done) })
	}
	var posting sync.WaitGroup
	posting.Add(clients)
	for n := range clients {
		j, err := newJournal(r.dir, number, n)
		if err != nil {
			return false, err
		}
		c := &poster{
			cluster: r.cluster, project: all[n%projects], other: all[(n+1)%projects], journal: j,
			rng: newRand(seed, n), number: n, own: map[uuid.UUID]bool{},
		}
		g.Go(func() error {
			defer posting.Done()
			return errors.Join(c.run(ctx, over), j.close())
		})
	}
	g.Go(func() (err error) {
		defer close(over)
		rng := newRand(seed, clients)
		pause(ctx, time.Duration(100+rng.IntN(200))*time.Millisecond)
		if struck, err = f.strike(ctx, r.cluster, rng); err != nil {
			return err
		}
		return r.cluster.heal(ctx)
	})
	go func() {
		posting.Wait()
		close(done)
	}()
	err = g.Wait()
	return struck, err
}

// newest returns the highest of one project's position tokens.
func newest(tokens []string) string {
	if len(tokens) == 0 {
		return ""
	}
	return slices.MaxFunc(tokens, func(a, b string) int { return bytes.Compare(order(a), order(b)) })
}

// register makes the owner of all projects.
func (r *run) register(ctx context.Context) (err error) {
	r.owner, _, err = account.Register(ctx, calling(r.cluster.url(), ""), "tester")
	return err
}

// newProject creates a project and its keys.
func (r *run) newProject(ctx context.Context, number int) (*project, error) {
	made, err := r.owner.CreateProject(ctx, fmt.Sprintf("round %d", number))
	if err != nil {
		return nil, err
	}
	keys, err := account.NewKeys(ctx, r.owner, made.ID)
	if err != nil {
		return nil, err
	}
	return &project{id: made.ID, ingest: keys.Ingest, read: keys.Read}, nil
}

func (c *cluster) paths(ctx context.Context, sql string, args ...any) ([]string, error) {
	rows, err := c.db.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	paths, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	return paths, nil
}
