package links

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/outbox"
)

// Change is a link that was made, or taken back.
type Change struct {
	At        Position
	From, To  string
	MadeBy    string
	MadeAt    time.Time // when the link was
	TakenBack bool
	// Of and With are the keys of the two persons that were joined, or parted: all ids of
	// the one that From is of, and of the one that To is of, when they are apart. Their
	// number is bounded by MaxKeys over all changes that are read.
	Of, With []uint32

	from, to uint32
}

// MaxKeys bounds the ids of all persons of the changes that are read at once.
const MaxKeys = 20_000

// ErrTooManyKeys is returned for changes of persons who have too many ids together.
var ErrTooManyKeys = fmt.Errorf("the persons have more than %d ids together", MaxKeys)

// A link that ends and another that begins in the same transaction are in the order of
// their numbers: an id has one at a time.
const changesSQL = `
SELECT * FROM (SELECT incarnation, xid, link_id, from_id, to_id, from_key, to_key, made_by, made_at, false AS taken_back
FROM analytics.identity_links
WHERE project_id = $1 AND refused = '' AND (incarnation, xid) > ($2, $3) AND (incarnation, xid) <= ($4, $5)
UNION ALL
SELECT end_incarnation, end_xid, link_id, from_id, to_id, from_key, to_key, made_by, made_at, true
FROM analytics.identity_links
WHERE project_id = $1 AND refused = '' AND end_xid IS NOT NULL
  AND (end_incarnation, end_xid) > ($2, $3) AND (end_incarnation, end_xid) <= ($4, $5)
ORDER BY 1, 2 FETCH FIRST $6 ROWS WITH TIES) AS changes
ORDER BY 1, 2, 3, 10`

// Changes reads the first changes of a project after a position, up to another: most, and
// what else is at the position of the last one. All statements must see the same state.
func Changes(ctx context.Context, db outbox.Querier, project int64, since, until Position, most int) ([]Change, error) {
	before, err := ReadAsOf(ctx, db, project, since)
	if err != nil {
		return nil, err
	}
	rows, err := db.Query(ctx, changesSQL, project, since.Incarnation, int64(since.XID), until.Incarnation, int64(until.XID), most)
	if err != nil {
		return nil, fmt.Errorf("reading changes of links: %w", err)
	}
	changes, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Change, err error) {
		var xid, link int64
		err = row.Scan(&c.At.Incarnation, &xid, &link, &c.From, &c.To, &c.from, &c.to, &c.MadeBy, &c.MadeAt, &c.TakenBack)
		c.At.XID = uint64(xid)
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading changes of links: %w", err)
	}
	return changes, withKeys(changes, before.to)
}

// withKeys finds the keys of changes, one after the other, from the links before them.
func withKeys(changes []Change, to map[uint32]uint32) error {
	from := make(map[uint32][]uint32, len(to)) // the other way
	for x, y := range to {
		from[y] = append(from[y], x)
	}
	keys := 0
	for i := range changes {
		c := &changes[i]
		if c.TakenBack {
			delete(to, c.from)
			at := slices.Index(from[c.to], c.from)
			from[c.to] = slices.Delete(from[c.to], at, at+1)
		}
		root := c.to
		for next, ok := to[root]; ok; next, ok = to[root] {
			root = next
		}
		var err error
		if c.Of, err = below(c.from, from, MaxKeys-keys); err != nil {
			return err
		}
		keys += len(c.Of)
		if c.With, err = below(root, from, MaxKeys-keys); err != nil {
			return err
		}
		keys += len(c.With)
		if !c.TakenBack {
			to[c.from] = c.to
			from[c.to] = append(from[c.to], c.from)
		}
	}
	return nil
}

// below returns a key and all that are linked to it, at most most.
func below(key uint32, from map[uint32][]uint32, most int) ([]uint32, error) {
	keys := []uint32{key}
	for i := 0; i < len(keys); i++ {
		if keys = append(keys, from[keys[i]]...); len(keys) > most {
			return nil, ErrTooManyKeys
		}
	}
	slices.Sort(keys)
	return keys, nil
}
