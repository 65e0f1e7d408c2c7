package admin

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/identity/links"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/services/syncworker/userkey"
)

// errSame undoes a transaction that would change nothing.
var errSame = errors.New("the log makes the same")

// fromLog has rebuild make anew what a log makes, and reports whether it was another
// before. The versions of projects that have any of it rise then.
func fromLog(ctx context.Context, pool *pgxpool.Pool, rebuild func(context.Context, outbox.Querier) (changed bool, err error), projects func(context.Context, outbox.Querier) ([]int64, error)) (changed bool, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		changed, err := rebuild(ctx, tx)
		if err != nil {
			return err
		}
		if !changed {
			return errSame
		}
		return nil
	})
	if errors.Is(err, errSame) {
		return false, nil
	}
	if err == nil { // not in the same transaction: a leader that loads locks the state first
		err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			all, err := projects(ctx, tx)
			if err != nil {
				return err
			}
			return manifest.Raise(ctx, tx, all...)
		})
	}
	return err == nil, err
}

// relink makes links anew. Users have their keys since the links were made.
func relink(pool *pgxpool.Pool) func(context.Context, outbox.Querier) (bool, error) {
	keys := userkey.New(pool, 0)
	return func(ctx context.Context, tx outbox.Querier) (bool, error) { return links.Rebuild(ctx, tx, keys.OfIDs) }
}

func linkedProjects(ctx context.Context, tx outbox.Querier) ([]int64, error) {
	positions, err := links.Positions(ctx, tx)
	return slices.Collect(maps.Keys(positions)), err
}
