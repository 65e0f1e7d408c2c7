package links

import (
	"context"
	"fmt"
	"maps"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/outbox"
)

// Active is the links of a project at a position, between the keys of users. It does not
// change.
type Active struct {
	// Position of the last change.
	Position Position
	to       map[uint32]uint32
}

// Len is the number of links. It works on nil, which has none.
func (a *Active) Len() int {
	if a == nil {
		return 0
	}
	return len(a.to)
}

// Roots are the keys of persons by those of ids that are linked.
func (a *Active) Roots() map[uint32]uint32 {
	if a == nil {
		return nil
	}
	roots := make(map[uint32]uint32, len(a.to))
	var path []uint32
	for from := range a.to {
		path = path[:0]
		root := from
		for {
			if known, ok := roots[root]; ok {
				root = known
				break
			}
			next, ok := a.to[root]
			if !ok {
				break
			}
			path = append(path, root)
			root = next
		}
		for _, key := range path {
			roots[key] = root
		}
	}
	return roots
}

const positionsSQL = `SELECT project_id, incarnation, xid FROM analytics.identity_projects`

// Positions reads the position of the last change of each project that ever had links.
func Positions(ctx context.Context, db outbox.Querier) (map[int64]Position, error) {
	rows, err := db.Query(ctx, positionsSQL)
	if err != nil {
		return nil, fmt.Errorf("reading positions of links: %w", err)
	}
	all := map[int64]Position{}
	var project, xid int64
	var p Position
	_, err = pgx.ForEachRow(rows, []any{&project, &p.Incarnation, &xid}, func() error {
		p.XID = uint64(xid)
		all[project] = p
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading positions of links: %w", err)
	}
	return all, nil
}

const sinceSQL = `
SELECT from_key, to_key, end_xid IS NULL FROM analytics.identity_links
WHERE project_id = $1 AND refused = '' AND (incarnation, xid) > ($2, $3)
UNION ALL
SELECT from_key, to_key, false FROM analytics.identity_links
WHERE project_id = $1 AND end_xid IS NOT NULL AND (end_incarnation, end_xid) > ($2, $3) AND (incarnation, xid) <= ($2, $3)`

// Read returns the active links of a project, whose last change is at a position: those of
// known, which may be nil, with what has changed since.
func Read(ctx context.Context, db outbox.Querier, project int64, at Position, known *Active) (*Active, error) {
	a := &Active{Position: at, to: map[uint32]uint32{}}
	var since Position
	if known != nil {
		since, a.to = known.Position, maps.Clone(known.to)
	}
	rows, err := db.Query(ctx, sinceSQL, project, since.Incarnation, int64(since.XID))
	if err != nil {
		return nil, fmt.Errorf("reading links: %w", err)
	}
	type link struct{ from, to uint32 }
	var made []link
	var l link
	var active bool
	// What ended goes first: its from may have been linked to another since.
	_, err = pgx.ForEachRow(rows, []any{&l.from, &l.to, &active}, func() error {
		if active {
			made = append(made, l)
		} else if to, ok := a.to[l.from]; ok && to == l.to {
			delete(a.to, l.from)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading links: %w", err)
	}
	for _, l := range made {
		a.to[l.from] = l.to
	}
	return a, nil
}

const asOfSQL = `
SELECT from_key, to_key FROM analytics.identity_links
WHERE project_id = $1 AND refused = '' AND (incarnation, xid) <= ($2, $3)
  AND (end_xid IS NULL OR (end_incarnation, end_xid) > ($2, $3))`

// ReadAsOf returns the links that a project had at an earlier position.
func ReadAsOf(ctx context.Context, db outbox.Querier, project int64, at Position) (*Active, error) {
	rows, err := db.Query(ctx, asOfSQL, project, at.Incarnation, int64(at.XID))
	if err != nil {
		return nil, fmt.Errorf("reading earlier links: %w", err)
	}
	a := &Active{Position: at, to: map[uint32]uint32{}}
	var from, to uint32
	if _, err := pgx.ForEachRow(rows, []any{&from, &to}, func() error { a.to[from] = to; return nil }); err != nil {
		return nil, fmt.Errorf("reading earlier links: %w", err)
	}
	return a, nil
}
