package traitlog

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/traits"
)

const ofSQL = `
SELECT id, name, value, once, incarnation, xid, seq FROM analytics.traits
WHERE project_id = $1 AND kind = $2 AND type = $3 AND id = ANY ($4::text[])`

// Of reads the properties of some users or groups, those that were removed included: a map
// for each id, in their order.
func Of(ctx context.Context, db outbox.Querier, project int64, kind traits.Kind, groupType string, ids ...string) ([]map[string]traits.Property, error) {
	rows, err := db.Query(ctx, ofSQL, project, string(kind), groupType, ids)
	if err != nil {
		return nil, fmt.Errorf("reading properties: %w", err)
	}
	byID := make(map[string]map[string]traits.Property, len(ids))
	for _, id := range ids {
		byID[id] = map[string]traits.Property{}
	}
	var id, name string
	var p traits.Property
	var xid int64
	to := []any{&id, &name, &p.Value, &p.Once, &p.Since.Incarnation, &xid, &p.Since.Seq}
	_, err = pgx.ForEachRow(rows, to, func() error {
		p.Since.XID = uint64(xid)
		byID[id][name] = p
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading properties: %w", err)
	}
	all := make([]map[string]traits.Property, len(ids))
	for i, id := range ids {
		all[i] = byID[id]
	}
	return all, nil
}

const namedSQL = `
SELECT k.user_key, t.value, t.once, t.incarnation, t.xid, t.seq
FROM analytics.traits AS t
JOIN analytics.user_keys AS k ON k.project_id = t.project_id AND k.user_id = t.id
WHERE t.project_id = $1 AND t.kind = 'user' AND t.name = $2`

// Named calls each with a property of all users that have keys, by key, also of those for
// whom it was removed.
func Named(ctx context.Context, db outbox.Querier, project int64, name string, each func(key uint32, p traits.Property) error) error {
	rows, err := db.Query(ctx, namedSQL, project, name)
	if err != nil {
		return fmt.Errorf("reading a property of users: %w", err)
	}
	var key uint32
	var p traits.Property
	var xid int64
	to := []any{&key, &p.Value, &p.Once, &p.Since.Incarnation, &xid, &p.Since.Seq}
	_, err = pgx.ForEachRow(rows, to, func() error {
		p.Since.XID = uint64(xid)
		return each(key, p)
	})
	if err != nil {
		return fmt.Errorf("reading a property of users: %w", err)
	}
	return nil
}

const hasMembersSQL = `
SELECT EXISTS (SELECT FROM analytics.traits WHERE project_id = $1 AND kind = 'member' AND name = $2 AND value = $3)`

// HasMembers says whether operations put a user into a group who is in it still.
func HasMembers(ctx context.Context, db outbox.Querier, project int64, groupType, key string) (has bool, err error) {
	if err := db.QueryRow(ctx, hasMembersSQL, project, groupType, string(traits.Key(key))).Scan(&has); err != nil {
		return false, fmt.Errorf("looking for members of a group: %w", err)
	}
	return has, nil
}
