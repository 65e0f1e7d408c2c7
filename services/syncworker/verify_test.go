package syncworker

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/platform/progress"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/syncworker/admin"
)

// found collects what Verify reports, by path.
type found map[string]error

func (f found) report(d admin.Damage) { f[d.Path] = d.Reason }

func TestVerifyNamesWhatIsNotWhole(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	for project := range int64(6) {
		leader.loadAll(t, appendTo(t, pool, project+1, someEvents(3, 2)...))
	}
	whole := found{}
	for _, quick := range []bool{false, true} {
		v, err := admin.Verify(t.Context(), pool, cfg.Warehouse, quick, whole.report)
		require.NoError(t, err)
		require.Empty(t, whole)
		require.Equal(t, admin.Verified{Segments: 6, Events: 36, Bytes: value[int64](t, pool, "SELECT sum(bytes + rollup_bytes + users_bytes)::bigint FROM analytics.segments")}, v)
	}

	path := func(project int64) string {
		return value[string](t, pool, "SELECT path FROM analytics.segments WHERE project_id = $1", project)
	}
	require.NoError(t, os.Remove(filepath.Join(cfg.Warehouse.Dir, path(1))))
	require.NoError(t, os.Truncate(filepath.Join(cfg.Warehouse.Dir, path(2)), 100))
	flip(t, filepath.Join(cfg.Warehouse.Dir, path(3)))
	exec(t, pool, "UPDATE analytics.segments SET events = 7 WHERE project_id = 4")
	rollUp := segment.Segment{Path: path(5)}.RollUpPath()
	require.NoError(t, os.Remove(filepath.Join(cfg.Warehouse.Dir, rollUp)))
	users := segment.Segment{Path: path(6)}.UsersPath()
	flip(t, filepath.Join(cfg.Warehouse.Dir, users))

	quick := found{}
	v, err := admin.Verify(t.Context(), pool, cfg.Warehouse, true, quick.report)
	require.ErrorIs(t, err, segment.ErrQuarantined)
	require.ErrorContains(t, err, "3 of 6")
	require.EqualValues(t, 3, v.Damaged)
	require.Len(t, quick, 3)
	require.ErrorIs(t, quick[rollUp], fs.ErrNotExist)
	require.ErrorIs(t, quick[path(1)], fs.ErrNotExist)
	require.ErrorContains(t, quick[path(2)], "has 100 bytes, the manifest says")

	full := found{}
	_, err = admin.Verify(t.Context(), pool, cfg.Warehouse, false, full.report)
	require.ErrorContains(t, err, "6 of 6")
	require.Len(t, full, 6)
	require.ErrorContains(t, full[path(3)], "hash")
	require.ErrorContains(t, full[users], "hash")
	require.ErrorContains(t, full[path(4)], "has 6 events, the manifest says 7")

	// A restore must not take it into use, and names the same files.
	exec(t, pool, "UPDATE analytics.sync_state SET system_identifier = 1")
	expireLease(t, pool)
	core, logs := observer.New(zap.ErrorLevel)
	require.ErrorIs(t, admin.Restore(t.Context(), pool, cfg.Warehouse, zap.New(core)), segment.ErrQuarantined)
	require.Equal(t, 6, logs.Len())
	for project := range int64(4) {
		require.Equal(t, 1, logs.FilterField(zap.String(logging.Segment, path(project+1))).Len())
	}
}

func flip(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	content[len(content)/2] ^= 4
	require.NoError(t, os.WriteFile(path, content, 0o600))
}

// Services may be running: what was merged and collected since the manifest was read
// is no damage.
func TestVerifyWhileSegmentsAreReplaced(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	leader.loadAll(t, appendTo(t, pool, 2, someEvents(1, 1)...))
	damaged := files(t, cfg)[0]
	flip(t, damaged)
	for range cfg.CompactSegments {
		leader.loadAll(t, appendTo(t, pool, 1, someEvents(1, 1)...))
	}
	leader.loadAll(t, appendTo(t, pool, 3, someEvents(1, 1)...))
	reports := found{}
	v, err := admin.Verify(t.Context(), pool, cfg.Warehouse, false, func(d admin.Damage) { // of the first segment, while the others wait
		reports.report(d)
		require.NoError(t, leader.compactAll(t.Context()))
		exec(t, pool, "UPDATE analytics.segments SET replaced_at = replaced_at - interval '2 hours'")
		require.NoError(t, leader.maintenance.Collector.Collect(t.Context()))
	})
	require.ErrorContains(t, err, "1 of 2")
	require.Len(t, reports, 1)
	require.EqualValues(t, 2, v.Segments)
	require.EqualValues(t, cfg.CompactSegments, v.Replaced)
}

func TestUnlistedFiles(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	for range cfg.CompactSegments {
		leader.loadAll(t, appendTo(t, pool, 1, someEvents(1, 1)...))
	}
	require.NoError(t, leader.compactAll(t.Context())) // the replaced ones have their grace period
	require.Empty(t, unlisted(t, cfg, pool))
	var orphans []string
	folder := filepath.Join(cfg.Warehouse.Dir, "7")
	require.NoError(t, os.Mkdir(folder, 0o700))
	for n := range 1001 { // more than one statement compares
		name := fmt.Sprintf("1-%032x.parquet", n)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), nil, 0o600))
		orphans = append(orphans, "7/"+name)
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, "README"), nil, 0o600))
	require.ElementsMatch(t, orphans, unlisted(t, cfg, pool))
}

func unlisted(t *testing.T, cfg Config, pool *pgxpool.Pool) (paths []string) {
	t.Helper()
	require.NoError(t, admin.Unlisted(t.Context(), pool, cfg.Warehouse, func(path string) { paths = append(paths, path) }))
	return paths
}

// Commands that take long say how far they are to whoever looks.
func TestLongCommandsShowProgress(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	leader.loadAll(t, appendTo(t, pool, 1, someEvents(30, 2)...))
	nowhere, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer nowhere.Close()
	for name, do := range map[string]func(ctx context.Context) error{
		"verifying": func(ctx context.Context) error {
			_, err := admin.Verify(ctx, pool, cfg.Warehouse, false, found{}.report)
			return err
		},
		"rebuilding": func(ctx context.Context) error {
			_, err := admin.Rebuild(ctx, pool, cfg.Warehouse, fates{}.report)
			return err
		},
	} {
		shown := progress.New(nowhere)
		require.NoError(t, do(progress.With(t.Context(), shown)))
		require.Regexp(t, "^"+name+`: [\d.]+ kB of [\d.]+ kB \(100%\), .*/s, 0s left$`, shown.String())
		shown.Close()
	}
	shown := progress.New(nowhere)
	defer shown.Close()
	file := filepath.Join(t.TempDir(), "events.csv")
	_, err = admin.Export(progress.With(t.Context(), shown), pool, cfg.Warehouse, 1, time.Time{}, time.Time{}, file)
	require.NoError(t, err)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Regexp(t, "^writing: "+regexp.QuoteMeta(humanize.Bytes(uint64(info.Size()))), shown.String())
}
