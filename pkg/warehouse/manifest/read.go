package manifest

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/identity/links"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/warehouse/persons"
)

// Read reads the current version. It returns outbox.ErrRestored for a restored
// database.
func Read(ctx context.Context, pool *pgxpool.Pool) (*Snapshot, error) {
	return ReadAfter(ctx, pool, nil)
}

// ReadAfter is Read for a reader that has a version already: when known is still
// the current one, its segments are not read again. All parts of the result are
// of the same state of the database.
func ReadAfter(ctx context.Context, pool *pgxpool.Pool, known *Snapshot) (*Snapshot, error) {
	var s *Snapshot
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly} // all statements see the same state
	err := pgx.BeginTxFunc(ctx, pool, options, func(tx pgx.Tx) (err error) {
		s, err = read(ctx, tx, known)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	return s, nil
}

const stateSQL = `
SELECT incarnation, xid::text::bigint, seq, version, complete_until,
       system_identifier = (pg_control_system()).system_identifier
FROM analytics.sync_state`

const projectVersionsSQL = "SELECT project_id, version FROM analytics.project_versions"

func read(ctx context.Context, tx pgx.Tx, known *Snapshot) (*Snapshot, error) {
	var s Snapshot
	var xid int64
	var original bool
	err := tx.QueryRow(ctx, stateSQL).Scan(
		&s.Position.Incarnation, &xid, &s.Position.Seq, &s.Version, &s.CompleteUntil, &original)
	if err != nil {
		return nil, err
	}
	if !original {
		return nil, outbox.ErrRestored
	}
	s.Position.XID = uint64(xid)
	if known != nil && known.Version == s.Version && known.Position == s.Position {
		return known.at(s.CompleteUntil.UTC()), nil
	}

	rows, err := tx.Query(ctx, liveSQL)
	if err != nil {
		return nil, err
	}
	segments, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, err
	}

	versions := map[int64]int64{}
	if rows, err = tx.Query(ctx, projectVersionsSQL); err != nil {
		return nil, err
	}
	var project, version int64
	_, err = pgx.ForEachRow(rows, []any{&project, &version}, func() error {
		versions[project] = version
		return nil
	})
	if err != nil {
		return nil, err
	}
	next := NewSnapshot(s.Version, s.Position, s.CompleteUntil.UTC(), segments, versions)
	return next, next.readPersons(ctx, tx, known)
}

// PersonsAsOf reads which user keys of a project belonged to the person of another key at
// an earlier position.
func PersonsAsOf(ctx context.Context, db outbox.Querier, project int64, at links.Position) (*persons.Map, error) {
	active, err := links.ReadAsOf(ctx, db, project, at)
	if err != nil {
		return nil, err
	}
	return persons.New(active.Roots()), nil
}

// readPersons reads who is whom: of known, which may be nil, with what has changed since.
func (s *Snapshot) readPersons(ctx context.Context, tx pgx.Tx, known *Snapshot) error {
	positions, err := links.Positions(ctx, tx)
	if err != nil {
		return err
	}
	s.links, s.persons = make(map[int64]*links.Active, len(positions)), make(map[int64]*persons.Map, len(positions))
	for project, at := range positions {
		var before *links.Active
		if known != nil {
			before = known.links[project]
		}
		if before != nil && before.Position == at {
			s.links[project], s.persons[project] = before, known.persons[project]
			continue
		}
		active, err := links.Read(ctx, tx, project, at, before)
		if err != nil {
			return err
		}
		s.links[project], s.persons[project] = active, persons.New(active.Roots())
	}
	return nil
}
