package admin

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/objects"
)

// Export writes the events of a project from the manifest's current version into a
// new file, as duckdb.Export does, and returns how many there are.
func Export(ctx context.Context, pool *pgxpool.Pool, cfg warehouse.Config, project int64, from, to time.Time, file string) (n int64, err error) {
	snapshot, err := manifest.Read(ctx, pool)
	if err != nil {
		return 0, err
	}
	folder, err := objects.OpenFolder(ctx, cfg, prometheus.NewRegistry())
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	return duckdb.Export(ctx, cfg, folder, snapshot, project, from, to, file)
}
