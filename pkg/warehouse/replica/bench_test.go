package replica

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/rollup"
)

const (
	benchProjects = 1000
	benchLive     = 200_000
)

const makeManifestSQL = `
INSERT INTO analytics.segments (project_id, path, events, bytes, sha256, min_at, max_at, level, epoch,
                                rollup_bytes, rollup_sha256, users_bytes, users_sha256, shredded, raw_bytes)
SELECT 1 + n % $1, format('%s/1-%s.parquet', 1 + n % $1, md5(n::text)), 700000, 31500000, sha256(n::text::bytea), at, at + interval '1 day', 3, 1,
       2800000, sha256(n::text::bytea), 17000000, sha256(n::text::bytea),
       '{"text:browser","text:campaign","text:country","text:device","text:plan","integer:quantity","decimal:price"}', 200000000
FROM generate_series(0, $2 - 1) AS n, LATERAL (SELECT timestamptz '2025-01-01' + n / $1 * interval '1 day') AS s (at)`

// inMemory is a roll-up without a file.
type inMemory []byte

func (m inMemory) Open() (rollup.ReadAtCloser, error) {
	return struct {
		*bytes.Reader
		io.Closer
	}{bytes.NewReader(m), io.NopCloser(nil)}, nil
}

// madeRollUp is the roll-up of a hundred events on a day.
func madeRollUp(b *testing.B, project int64, day int) *rollup.File {
	b.Helper()
	var sum rollup.Builder
	for n := range 100 {
		sum.Add(time.Date(2025, 1, 1+day, 0, n, 0, 0, time.UTC).UnixMicro(), "view", uint32(n), "")
	}
	data, err := sum.Bytes(project)
	require.NoError(b, err)
	f, err := rollup.Read(inMemory(data), int64(len(data)))
	require.NoError(b, err)
	return f
}

// BenchmarkLoad is what a load of one small segment costs a replica that has 200,000 live
// ones in 1,000 projects, and what it costs to read all of these.
func BenchmarkLoad(b *testing.B) {
	cfg := testConfig(b)
	cfg.RollUpBytes = 8 << 30
	pool := pgtest.New(b)
	_, err := pool.Exec(b.Context(), makeManifestSQL, benchProjects, benchLive)
	require.NoError(b, err)
	_, err = pool.Exec(b.Context(), `INSERT INTO analytics.project_versions SELECT DISTINCT project_id, 1 FROM analytics.segments;
UPDATE analytics.sync_state SET version = 1`)
	require.NoError(b, err)
	_, err = pool.Exec(b.Context(), "VACUUM ANALYZE")
	require.NoError(b, err)

	b.Run("whole", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := manifest.Read(b.Context(), pool)
			require.NoError(b, err)
		}
	})

	r := newReader(b, cfg, pool)
	first, err := manifest.Read(b.Context(), pool)
	require.NoError(b, err)
	for project := range first.Projects() {
		p := &projectRollUps{files: map[string]*rollup.File{}, density: 1}
		p.segments = first.Segments(project, time.Time{}, time.Time{})
		p.wanted, p.onDisk = p.segments, onDisk(p.segments)
		files := make([]*rollup.File, len(p.segments))
		for i, s := range p.segments {
			files[i] = madeRollUp(b, project, i)
			p.files[s.Path] = files[i]
			p.bytes += files[i].Memory()
		}
		p.view, err = rollup.NewView(files)
		require.NoError(b, err)
		r.rollUps.projects[project] = p
	}
	r.rollUps.followed, r.rollUps.budget = first, 1<<60
	views, err := r.rollUps.follow(b.Context(), first)
	require.NoError(b, err)
	require.Len(b, views, benchProjects)
	r.current = newSnapshot(first, views, r.walks.follow(first, nil, nil), nil)
	inspected := newInspector(r)
	inspected.seen, inspected.swept, inspected.next = first, first, time.Now().Add(time.Hour)
	random, xid := rand.New(rand.NewPCG(1, 1)), 0
	load := func(b *testing.B) {
		xid++
		project := 1 + random.Int64N(benchProjects)
		list(b, pool, writeOf(b, cfg, random, project, 100, 1), xid)
		_, err := pool.Exec(b.Context(), "UPDATE analytics.project_versions SET version = $1 WHERE project_id = $2", 1+xid, project)
		require.NoError(b, err)
	}
	b.Run("changes", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			b.StopTimer()
			load(b)
			b.StartTimer()
			require.NoError(b, r.refresh(b.Context()))
		}
		require.Equal(b, benchLive+xid, r.current.Live())
		require.Len(b, r.current.rollUps, benchProjects)
	})
	b.Run("files", func(b *testing.B) {
		b.ReportAllocs()
		inspected.seen = r.current.Snapshot
		for b.Loop() {
			b.StopTimer()
			load(b)
			require.NoError(b, r.refresh(b.Context()))
			b.StartTimer()
			inspected.look(b.Context(), r.current)
		}
		require.Empty(b, inspected.reported)
	})
}
