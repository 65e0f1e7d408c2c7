// Package store writes valid events to Postgres, each once: its id to the ledger,
// which decides whether it is new, and the event to the outbox, in one
// transaction. Small uploads that arrive together share a transaction.
package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/identity/links"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/failpoint"
	"eventanalytics/pkg/traits/traitlog"
)

// Outcome of storing a batch.
type Outcome struct {
	Accepted   int     // events that were new
	Duplicates int     // events that were known, conflicts included
	Conflicts  []int32 // indexes in the request of known ids with other content, ascending
	Operations int     // operations that were new
	Claims     int     // claims of identity that were stored
	Traits     int     // changes of properties that were stored
	// Position is that of the batch's last row in the outbox; where events of it
	// were known, it is not before theirs.
	Position outbox.Position
}

// ErrConflict is returned for an atomic batch with an id that is known with other
// content.
var ErrConflict = errors.New("an event is known with another content")

// Config of a Store.
type Config struct {
	GroupCommit bool `env:"GROUP_COMMIT" envDefault:"true" doc:"Let small uploads that arrive together share a transaction"`
}

// Store writes batches.
type Store struct {
	pool   *pgxpool.Pool
	places *places
	group  *group // nil without group commit
}

// New makes a Store.
func New(cfg Config, pool *pgxpool.Pool) *Store {
	s := &Store{pool: pool, places: newPlaces(pool.Config().MaxConns)}
	if cfg.GroupCommit {
		s.group = &group{commit: s.commit}
	}
	return s
}

// Add stores those events of a batch that are new. When atomic, an id that is
// known with other content makes it store nothing and return ErrConflict, with an
// Outcome that lists the conflicts.
//
// After any other error either all new events are stored or none.
func (s *Store) Add(ctx context.Context, project int64, batch *event.Batch, atomic bool) (Outcome, error) {
	if s.group != nil && !atomic && len(batch.Events) <= maxGrouped {
		return s.group.add(ctx, upload{project: project, batch: batch})
	}
	var out Outcome
	err := s.InTx(ctx, project, func(tx pgx.Tx) (err error) {
		out, err = AddIn(ctx, tx, project, batch, atomic)
		return err
	})
	return out, err
}

// AddBeside is Add for a batch that brings more than events.
func (s *Store) AddBeside(ctx context.Context, project int64, batch *event.Batch, beside Beside) (Outcome, error) {
	u := upload{project: project, batch: batch, beside: beside, isBeside: true}
	if s.group != nil && u.rows() <= maxGrouped {
		return s.group.add(ctx, u)
	}
	err := s.InTx(ctx, project, func(tx pgx.Tx) error { return write(ctx, tx, []*upload{&u}) })
	return u.out, err
}

// AddIn is Add inside a transaction of the caller; the events are stored when it
// commits.
func AddIn(ctx context.Context, tx pgx.Tx, project int64, batch *event.Batch, atomic bool) (Outcome, error) {
	u := &upload{project: project, batch: batch}
	if !atomic {
		err := write(ctx, tx, []*upload{u})
		return u.out, err
	}
	// A savepoint: a conflict undoes the events, not the caller's statements.
	err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
		if err := write(ctx, tx, []*upload{u}); err != nil {
			return err
		}
		if len(u.out.Conflicts) > 0 {
			return ErrConflict
		}
		return nil
	})
	return u.out, err
}

// txAttempts bounds how often a transaction is tried that Postgres aborts.
const txAttempts = 3

// InTx runs do in a transaction of a project and retries it when Postgres aborts it
// (deadlock, serialization failure). A project may have as many of them at a time as
// half the connections.
func (s *Store) InTx(ctx context.Context, project int64, do func(pgx.Tx) error) error {
	give, err := s.places.take(ctx, project)
	if err != nil {
		return err
	}
	defer give()
	return s.inTx(ctx, do)
}

func (s *Store) inTx(ctx context.Context, do func(pgx.Tx) error) error {
	var err error
	for range txAttempts {
		err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			if err := do(tx); err != nil {
				return err
			}
			return failpoint.Hit(failpoint.IngestBeforeCommit)
		})
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != "40P01" && pg.Code != "40001" {
			break
		}
	}
	if err != nil {
		return err
	}
	return failpoint.Hit(failpoint.IngestAfterCommit)
}

// compareWithStored compares a repeated id with its stored content, if there is
// any, rather than with its first occurrence in the request.
func compareWithStored(old, repeats []known) {
	if len(repeats) == 0 {
		return
	}
	slices.SortFunc(old, func(a, b known) int { return byKey(a.entry, b.entry) })
	for i := range repeats {
		r := &repeats[i]
		if n, ok := slices.BinarySearchFunc(old, r.entry, func(k known, e entry) int { return compareKeys(k.entry, e) }); ok {
			r.first, r.untold = old[n].first, old[n].untold
		}
	}
}

// upload is a batch and its outcome.
type upload struct {
	project int64
	batch   *event.Batch
	beside  Beside
	// isBeside says that its protocol has claims and changes, also where this one has none
	// left to store.
	isBeside bool
	out      Outcome
}

// rows is about how many rows it takes.
func (u *upload) rows() int { return len(u.batch.Events) + u.beside.rows() }

func (u *upload) duplicate(k known) {
	u.out.Duplicates++
	if k.conflict() {
		u.out.Conflicts = append(u.out.Conflicts, u.batch.Indexes[k.at])
	}
}

// write writes uploads to the ledger and the outbox and fills in their outcomes.
func write(ctx context.Context, tx pgx.Tx, uploads []*upload) error {
	for _, u := range uploads {
		u.out = Outcome{}
	}
	fresh, err := writeEvents(ctx, tx, uploads)
	if err != nil {
		return err
	}
	if err := writeBeside(ctx, tx, uploads, changing(uploads, fresh)); err != nil {
		return err
	}
	return completePositions(ctx, tx, uploads)
}

// writeEvents writes the uploads' events to the ledger and the outbox, and returns those
// that are new.
func writeEvents(ctx context.Context, tx pgx.Tx, uploads []*upload) ([]entry, error) {
	entries, repeats := distinct(uploads)
	if len(entries) == 0 {
		return nil, nil
	}
	// The payload is encoded while Postgres inserts the events that are likely new:
	// all of them or, once some turn out to be known, all others.
	ahead := encodeAhead(ctx, uploads, repeats, len(entries))
	defer func() { ahead.stop() }()
	likely := len(entries)
	fresh, old, err := insert(ctx, tx, entries, func(old []known) {
		ahead.stop()
		likely = len(entries) - len(old)
		ahead = encodeAhead(ctx, uploads, slices.Concat(old, repeats), likely)
	})
	if err != nil {
		return nil, err
	}
	for _, e := range fresh {
		uploads[e.upload].out.Accepted++
	}
	compareWithStored(old, repeats)
	duplicates := slices.Concat(old, repeats)
	for _, k := range duplicates {
		uploads[k.upload].duplicate(k)
	}
	rows := ahead.rows
	if len(fresh) < likely {
		rows = encode(uploads, duplicates)
	}
	last, err := appendAll(ctx, tx, rows, len(fresh))
	if err != nil {
		return nil, err
	}
	for _, u := range uploads {
		slices.Sort(u.out.Conflicts)
		u.out.Position = last[u.project]
	}
	return fresh, nil
}

// isRepeated says whether something of an upload was known.
func (u *upload) isRepeated() bool {
	return u.out.Duplicates > 0 || u.out.Operations < len(u.beside.Operations)
}

// completePositions puts the positions of uploads with something known, or with no event
// that is new, behind all that they stand for.
func completePositions(ctx context.Context, tx pgx.Tx, uploads []*upload) error {
	for _, u := range uploads {
		if !u.isRepeated() && u.out.Accepted > 0 {
			continue
		}
		if u.out.Claims+u.out.Traits > 0 { // they count from the begin of their transaction on
			own, err := outbox.Own(ctx, tx)
			if err != nil {
				return err
			}
			u.behind(own)
		}
		// The insert may have waited for a known event, whose row is then behind the
		// new ones.
		end, err := outbox.Last(ctx, tx)
		if err != nil {
			return fmt.Errorf("finding the position of known events: %w", err)
		}
		u.behind(end)
		if !u.isBeside || !u.isRepeated() {
			continue
		}
		// What the known ones claimed and changed may not have been applied yet.
		claimed, err := links.LastPending(ctx, tx)
		if err != nil {
			return err
		}
		changed, err := traitlog.LastPending(ctx, tx)
		if err != nil {
			return err
		}
		u.behind(outbox.Position{Incarnation: end.Incarnation, XID: max(claimed, changed)})
	}
	return nil
}

// behind moves an upload's position to another, unless it is behind that already.
func (u *upload) behind(p outbox.Position) {
	if p.Compare(u.out.Position) > 0 {
		u.out.Position = p
	}
}
