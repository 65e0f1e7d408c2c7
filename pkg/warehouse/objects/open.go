package objects

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/cache"
	"eventanalytics/pkg/warehouse/segment"
)

// downloads is how many a process makes at a time, of all projects.
const downloads = 16

// OpenFolder opens where the files of segments are: cfg.Dir, which must exist, or, with a
// bucket, a folder below it for copies, which no other process has. It makes no request. The
// metrics are registered either way. Close the folder.
func OpenFolder(ctx context.Context, cfg warehouse.Config, registry prometheus.Registerer) (*segment.Folder, error) {
	requests, copies := NewMetrics(registry), cache.NewMetrics(registry)
	if !cfg.Bucket.Used() {
		dir, err := cfg.Folder()
		if err != nil {
			return nil, err
		}
		return segment.NewFolder(dir), nil
	}
	bucket, err := Open(ctx, cfg.Bucket, requests)
	if err != nil {
		return nil, err
	}
	local, err := cache.Open(cache.Config{Dir: cfg.Dir, Bytes: cfg.Bucket.CacheBytes, Downloads: downloads}, bucket, copies)
	if err != nil {
		return nil, err
	}
	if err := segment.MakeFolders(segment.TemporaryFolder(local.Dir())); err != nil {
		return nil, errors.Join(err, local.Close())
	}
	return segment.NewCopies(local, bucket), nil
}
