package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"eventanalytics/migrations"
)

// CheckSchema returns migrations.ErrBehind for a database that is older than
// this build. Services call it before they start.
func CheckSchema(ctx context.Context, pool *pgxpool.Pool) error {
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close()
	return migrations.Check(ctx, db)
}
