package stats

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/traits"
	"eventanalytics/pkg/traits/traitlog"
)

// userTraits reads what operations say of the users of a project. It is as new as Postgres
// has it, and never older than the snapshot: the worker applies changes in the transaction
// that moves the position.
type userTraits struct {
	pool    *pgxpool.Pool
	project int64
}

// Of returns the properties and groups of some ids, in their order.
func (u userTraits) Of(ctx context.Context, ids []string) (properties, groups []map[string]traits.Property, err error) {
	if properties, err = traitlog.Of(ctx, u.pool, u.project, traits.User, "", ids...); err != nil {
		return nil, nil, unread("properties", err)
	}
	groups, err = traitlog.Of(ctx, u.pool, u.project, traits.Member, "", ids...)
	return properties, groups, unread("properties", err)
}

// Named calls each with a property of all users.
func (u userTraits) Named(ctx context.Context, name string, each func(key uint32, p traits.Property) error) error {
	return unread("properties", traitlog.Named(ctx, u.pool, u.project, name, each))
}
