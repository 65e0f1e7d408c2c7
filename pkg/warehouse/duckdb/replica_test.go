package duckdb

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/replica"
	"eventanalytics/pkg/warehouse/segment"
)

// A replica's queries and its own checks share what is known of the files.
func TestReaderQuarantines(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	b, db, pool := newBuilder(t, cfg), newDB(t, cfg), pgtest.New(t)
	random := rand.New(rand.NewPCG(1, 1))
	good, bad := write(t, b, someEvents(random, 10, 1)...), write(t, b, someEvents(random, 10, 1)...)
	bad.ProjectID = 2
	path := filepath.Join(cfg.Dir, bad.Path)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	flip(t, cfg, bad)
	require.NoError(t, manifest.Insert(t.Context(), pool, []segment.Segment{good, bad}))

	r := replica.NewReader(pool, db.Files(), cfg, zap.NewNop())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.Run(ctx) }()
	defer func() { stop(); require.NoError(t, <-ended) }()
	current := func() *manifest.Snapshot {
		var s *replica.Snapshot
		require.Eventually(t, func() bool { s, err = r.Current(); return err == nil }, 20*time.Second, 5*time.Millisecond)
		return s.Snapshot
	}
	n, err := count(t, db, current(), Query{Project: 1, SQL: "SELECT count(*) FROM {{events}}"})
	require.NoError(t, err, "other projects are still answered")
	require.Equal(t, 10, n)
	_, err = count(t, db, current(), Query{Project: 2, SQL: "SELECT count(*) FROM {{events}}"})
	require.ErrorIs(t, err, segment.ErrQuarantined)
	require.Equal(t, 1, r.Quarantined())

	// An operator brings the file back.
	require.NoError(t, os.WriteFile(path, content, 0o600))
	require.NoError(t, os.Chtimes(path, time.Time{}, time.Now().Add(time.Minute)))
	_, err = count(t, db, current(), Query{Project: 2, SQL: "SELECT count(*) FROM {{events}}"})
	require.NoError(t, err)
}
