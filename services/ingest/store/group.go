package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// maxGrouped is the maximum number of events of an upload that shares a
	// transaction.
	maxGrouped = 2_000
	// maxGroup is the number of events at which a group is full.
	maxGroup = 20_000
	// committers is how many groups are committed at a time: while one waits for
	// the disk, the other inserts. More of them make groups smaller and gain nothing.
	committers = 2
	// commitTimeout bounds a commit that no client is waiting for any more.
	commitTimeout = time.Minute
	// groupPatience is how long a group waits for a row that another transaction is
	// inserting, before its members are committed one by one.
	groupPatience = 250 * time.Millisecond
)

// group joins the uploads that arrive while others are being committed. It has no
// goroutine while there is nothing to do, and its callers wait for their outcome:
// a service that has answered all requests has flushed it.
type group struct {
	commit func(context.Context, []*member)

	mu      sync.Mutex
	waiting []*member
	running int // committers
}

// member of a group.
type member struct {
	upload
	ctx   context.Context // of its request, for the values in it
	taken bool            // by a committer; guarded by group.mu
	done  chan struct{}
	err   error
}

// add stores a batch together with others. A caller that gives up before its batch
// is taken has stored nothing; after that it waits for the outcome, for at most
// commitTimeout.
func (g *group) add(ctx context.Context, u upload) (Outcome, error) {
	m := &member{upload: u, ctx: ctx, done: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, m)
	idle := g.running < committers
	if idle {
		g.running++
	}
	g.mu.Unlock()
	if idle {
		go g.run()
	}
	select {
	case <-m.done:
	case <-ctx.Done():
		if g.withdraw(m) {
			return Outcome{}, fmt.Errorf("waiting to be stored: %w", ctx.Err())
		}
		<-m.done
	}
	return m.out, m.err
}

func (g *group) withdraw(m *member) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if m.taken {
		return false
	}
	at := slices.Index(g.waiting, m)
	g.waiting = slices.Delete(g.waiting, at, at+1)
	return true
}

func (g *group) run() {
	for members := g.take(); members != nil; members = g.take() {
		// The trace of the first shows the commit; its cancellation must not end the
		// others.
		g.commit(context.WithoutCancel(members[0].ctx), members)
	}
}

// take returns the next group, or nil when the committer is to end.
func (g *group) take() []*member {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.running--
		return nil
	}
	n, events := 0, 0
	for n < len(g.waiting) && (n == 0 || events+g.waiting[n].rows() <= maxGroup) {
		g.waiting[n].taken = true
		events += g.waiting[n].rows()
		n++
	}
	members := slices.Clone(g.waiting[:n])
	g.waiting = slices.Delete(g.waiting, 0, n) // which also clears them
	return members
}

// commit stores members in one transaction and gives each its outcome. When
// Postgres refuses the transaction, each member is committed alone, so that one
// that fails or has to wait does not affect the others. When the connection broke,
// the outcome is unknown, and each member gets that error.
func (s *Store) commit(ctx context.Context, members []*member) {
	err := s.commitTogether(ctx, members)
	var pg *pgconn.PgError
	if len(members) == 1 || !errors.As(err, &pg) {
		for _, m := range members {
			m.err = err
			close(m.done)
		}
		return
	}
	for _, m := range members {
		go func() {
			defer close(m.done)
			ctx, cancel := context.WithTimeout(ctx, commitTimeout)
			defer cancel()
			give, err := s.places.take(ctx, m.project)
			if err != nil {
				m.err = err
				return
			}
			defer give()
			m.err = s.commitTogether(ctx, []*member{m})
		}()
	}
}

// commitTogether stores members in one transaction.
func (s *Store) commitTogether(ctx context.Context, members []*member) error {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	uploads := make([]*upload, len(members))
	for i, m := range members {
		uploads[i] = &m.upload
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if len(members) > 1 {
			if _, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL lock_timeout = %d", groupPatience.Milliseconds())); err != nil {
				return fmt.Errorf("setting the lock timeout: %w", err)
			}
		}
		return write(ctx, tx, uploads)
	})
}
