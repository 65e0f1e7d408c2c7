package manifest

import (
	"context"
	"fmt"
	"maps"
	"time"

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

// ReadAfter is Read for a reader that has a version already: of what it has, only what was
// changed since is read. All parts of the result are of the same state of the database.
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

// Mark is a state of the database, as what was written since is asked of it.
type Mark struct {
	// xmin: transactions below it were over, so that what they wrote was seen.
	xmin uint64
	// started is when the server was. One that was restarted may be another, or have been
	// restored, so that its ids mean other transactions.
	started time.Time
}

const stateSQL = `
SELECT incarnation, xid::text::bigint, seq, version, complete_until,
       system_identifier = (pg_control_system()).system_identifier,
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint, pg_postmaster_start_time(), deleted_xid::text::bigint
FROM analytics.sync_state`

func read(ctx context.Context, tx pgx.Tx, known *Snapshot) (*Snapshot, error) {
	var s Snapshot
	var xid, xmin, deleted int64
	var original bool
	err := tx.QueryRow(ctx, stateSQL).Scan(
		&s.Position.Incarnation, &xid, &s.Position.Seq, &s.Version, &s.CompleteUntil, &original, &xmin, &s.mark.started, &deleted)
	if err != nil {
		return nil, err
	}
	if !original {
		return nil, outbox.ErrRestored
	}
	s.Position.XID, s.mark.xmin, s.CompleteUntil = uint64(xid), uint64(xmin), s.CompleteUntil.UTC()
	switch {
	case known != nil && known.Version == s.Version && known.Position == s.Position:
		return known.at(s.CompleteUntil), nil
	case known != nil && s.follows(known, uint64(deleted)):
		err = s.readChanges(ctx, tx, known)
	default:
		err = s.readAll(ctx, tx)
	}
	if err != nil {
		return nil, err
	}
	return &s, s.readPersons(ctx, tx, known)
}

// follows says whether s is known and the rows that were written since. deleted is the last
// change of a row that is gone.
func (s *Snapshot) follows(known *Snapshot, deleted uint64) bool {
	return known.Position.Incarnation == s.Position.Incarnation && known.mark.started.Equal(s.mark.started) &&
		known.mark.xmin > 0 && known.mark.xmin <= s.mark.xmin && deleted < known.mark.xmin
}

const projectVersionsSQL = "SELECT project_id, version FROM analytics.project_versions"

// readAll reads all live segments.
func (s *Snapshot) readAll(ctx context.Context, tx pgx.Tx) error {
	segments, err := Live(ctx, tx)
	if err != nil {
		return err
	}
	versions, err := readVersions(ctx, tx, projectVersionsSQL)
	if err != nil {
		return err
	}
	s.projects = NewSnapshot(s.Version, s.Position, s.CompleteUntil, segments, versions).projects
	return nil
}

func readVersions(ctx context.Context, tx pgx.Tx, sql string, args ...any) (map[int64]int64, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	versions := map[int64]int64{}
	var project, version int64
	_, err = pgx.ForEachRow(rows, []any{&project, &version}, func() error {
		versions[project] = version
		return nil
	})
	return versions, err
}

const (
	changesSQL         = "SELECT " + columns + ", replaced_at IS NULL FROM analytics.segments WHERE changed_xid >= $1::text::xid8 ORDER BY id"
	changedVersionsSQL = projectVersionsSQL + " WHERE changed_xid >= $1::text::xid8"
)

// readChanges reads what was written since known. Some of it may be known already: a
// transaction that was over before one with a lower id was.
func (s *Snapshot) readChanges(ctx context.Context, tx pgx.Tx, known *Snapshot) error {
	rows, err := tx.Query(ctx, changesSQL, xid8(known.mark.xmin))
	if err != nil {
		return err
	}
	changes, err := pgx.CollectRows(rows, scanChange)
	if err != nil {
		return err
	}
	byProject := map[int64][]change{}
	for _, c := range changes {
		byProject[c.ProjectID] = append(byProject[c.ProjectID], c)
	}
	versions, err := readVersions(ctx, tx, changedVersionsSQL, xid8(known.mark.xmin))
	if err != nil {
		return err
	}
	s.projects = maps.Clone(known.projects)
	for id, version := range versions {
		s.projects[id] = project{version, known.listOf(id)}
	}
	for id, changes := range byProject {
		s.projects[id] = project{s.projects[id].version, known.listOf(id).with(changes)}
	}
	return nil
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
