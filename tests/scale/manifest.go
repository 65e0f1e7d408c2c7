package scale

import (
	"context"
	"crypto/sha256"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
)

// measured is what reading a made manifest took.
type measured struct {
	whole, load, look, lookChanged cost
	snapshot                       int64 // bytes
}

// cost is of one of several runs, the median.
type cost struct {
	took  time.Duration
	bytes int64 // allocated
}

func (c cost) String() string {
	digits := 10 * time.Millisecond
	if c.took < time.Second {
		digits = 10 * time.Microsecond
	}
	return fmt.Sprintf("%s, %s", c.took.Round(digits), bytesText(c.bytes))
}

// policy is that of a worker with default settings.
var policy = manifest.Policy{Target: 1_000_000, Segments: 8, RawBytes: 256 << 20, RollUpBytes: 32 << 20}

// names are of columns, as the segments of a project mostly have them.
var names = []string{"decimal:price", "integer:quantity", "text:browser", "text:campaign", "text:country", "text:device", "text:plan"}

func made(project int64, day int, events int64) segment.Segment {
	at := time.Date(2025, 1, 1+day, 0, 0, 0, 0, time.UTC)
	path := fmt.Sprintf("%d/1-%s.parquet", project, uuid.NewString())
	file := &segment.Companion{Bytes: events * rollUpFileBytes, SHA256: sha256.Sum256([]byte(path))}
	return segment.Segment{
		ProjectID: project, Path: path, Events: events, Bytes: events * parquetBytes, SHA256: file.SHA256, RawBytes: events * 200,
		MinAt: at, MaxAt: at.Add(24*time.Hour - 1), Epoch: 1, RollUp: file, Users: file, Shredded: names, FieldIDs: true,
	}
}

const emptySQL = "TRUNCATE analytics.segments, analytics.project_versions"

// fill makes the manifest one of a size, with some small segments for each project: too few
// of each level to be merged.
func fill(ctx context.Context, pool *pgxpool.Pool, size Size, small int) error {
	if _, err := pool.Exec(ctx, emptySQL); err != nil {
		return err
	}
	all := make([]segment.Segment, size.segments(small))
	for i := range all {
		events, level := int64(eventsOfSegment), 3
		if n := (i - size.finished()) / size.Projects; i >= size.finished() {
			events, level = eventsOfLoad, n/(policy.Segments-1)
		}
		all[i] = made(int64(1+i%size.Projects), i/size.Projects%daysOfSize, events)
		all[i].Level = level
	}
	for some := range slices.Chunk(all, 10_000) {
		if err := manifest.Insert(ctx, pool, some); err != nil {
			return err
		}
	}
	for _, sql := range []string{"UPDATE analytics.sync_state SET version = version + 1", "VACUUM ANALYZE analytics.segments"} {
		if _, err := pool.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// run measures what a replica and the worker read of a manifest of a size.
func run(ctx context.Context, pool *pgxpool.Pool, size Size, small, rounds int) (m measured, err error) {
	if err := fill(ctx, pool, size, small); err != nil {
		return m, err
	}
	var known *manifest.Snapshot
	if m.whole, err = median(rounds, nil, func() (err error) { known, err = manifest.Read(ctx, pool); return err }); err != nil {
		return m, err
	}
	m.snapshot = -heap()
	kept, err := manifest.Read(ctx, pool)
	if err != nil {
		return m, err
	}
	m.snapshot += heap()
	known = kept
	next := func() error { return load(ctx, pool, 1+known.Version%int64(size.Projects), 1000) }
	m.load, err = median(5*rounds, next, func() (err error) { known, err = manifest.ReadAfter(ctx, pool, known); return err })
	if err != nil {
		return m, err
	}
	if want := size.segments(small) + 5*rounds; known.Live() != want {
		return m, fmt.Errorf("a snapshot has %d segments of %d", known.Live(), want)
	}
	look := func(since manifest.Mark) func() error {
		return func() error {
			for _, lane := range []manifest.Lane{manifest.EarlyLane, manifest.MainLane} {
				if _, err := manifest.Candidates(ctx, pool, lane, policy, nil, since); err != nil {
					return err
				}
			}
			return nil
		}
	}
	if m.look, err = median(rounds, nil, look(manifest.Mark{})); err != nil {
		return m, err
	}
	mark, err := manifest.ReadMark(ctx, pool)
	if err != nil {
		return m, err
	}
	if err := load(ctx, pool, 1, 1000); err != nil {
		return m, err
	}
	m.lookChanged, err = median(rounds, nil, look(mark))
	runtime.KeepAlive(kept)
	return m, err
}

// load lists a segment as a load does.
func load(ctx context.Context, pool *pgxpool.Pool, project, events int64) error {
	if _, err := pool.Exec(ctx, "UPDATE analytics.sync_state SET lease_until = 'epoch'"); err != nil {
		return err
	}
	lease, err := manifest.Acquire(ctx, pool, "scale", time.Hour)
	if err != nil {
		return err
	}
	return lease.Commit(ctx, func(tx *manifest.Tx) error {
		to := outbox.Position{Incarnation: tx.Stored.Incarnation, XID: tx.Stored.XID + 1}
		return tx.Advance(ctx, to, time.Time{}, []segment.Segment{made(project, 364, events)})
	})
}

// median runs do some times, each after before, and returns the median of each cost.
func median(rounds int, before, do func() error) (c cost, err error) {
	var times []time.Duration
	var sizes []int64
	for range rounds {
		if before != nil {
			if err := before(); err != nil {
				return c, err
			}
		}
		allocated, began := totalAllocated(), time.Now()
		if err := do(); err != nil {
			return c, err
		}
		times, sizes = append(times, time.Since(began)), append(sizes, totalAllocated()-allocated)
	}
	slices.Sort(times)
	slices.Sort(sizes)
	return cost{times[rounds/2], sizes[rounds/2]}, nil
}

func totalAllocated() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.TotalAlloc)
}

// heap is what is in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func reads(rounds int, all []measured) []Row {
	row := func(what, how string, value func(measured) string) Row {
		r := Row{What: what, How: "run: " + how}
		for _, m := range all {
			r.Cells = append(r.Cells, value(m))
		}
		return r
	}
	return []Row{
		row("Manifest read whole, as a replica starts", fmt.Sprintf("`manifest.Read`, median of %d; time, allocated", rounds), func(m measured) string { return m.whole.String() }),
		row("Manifest read after a load", fmt.Sprintf("`manifest.ReadAfter`, median of %d", 5*rounds), func(m measured) string { return m.load.String() }),
		row("A snapshot in memory", "heap after a collection", func(m measured) string { return bytesText(m.snapshot) }),
		row("Worker looks for merges in all projects, once a minute", fmt.Sprintf("`manifest.Candidates`, both lanes, median of %d", rounds), func(m measured) string { return m.look.String() }),
		row("Worker looks for merges after a load", "the same, in what changed", func(m measured) string { return m.lookChanged.String() }),
	}
}
