package admin

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/manifest"
)

// Export writes the events of a project from the manifest's current version into a
// new file, as duckdb.Export does, and returns how many there are.
func Export(ctx context.Context, pool *pgxpool.Pool, cfg warehouse.Config, project int64, from, to time.Time, file string) (int64, error) {
	snapshot, err := manifest.Read(ctx, pool)
	if err != nil {
		return 0, err
	}
	return duckdb.Export(ctx, cfg, snapshot, project, from, to, file)
}
