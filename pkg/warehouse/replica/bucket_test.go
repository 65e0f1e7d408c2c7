package replica

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/objects"
	"eventanalytics/pkg/warehouse/objects/objectstest"
	"eventanalytics/pkg/warehouse/segment"
)

// bucketReader is a replica whose files are in a bucket. Segments that are written below
// the store's own folder are objects.
type bucketReader struct {
	*Reader
	folder *segment.Folder
	store  *objectstest.Server
	writer warehouse.Config
}

func newBucketReader(t *testing.T, cacheBytes int64) *bucketReader {
	t.Helper()
	b := &bucketReader{store: objectstest.Start(t, "segments")}
	cfg := testConfig(t)
	cfg.Bucket = b.store.Config("segments", "")
	cfg.Bucket.CacheBytes = cacheBytes
	b.writer = testConfig(t)
	b.writer.Dir = filepath.Join(b.store.Dir, "segments")
	require.NoError(t, segment.MakeFolders(segment.TemporaryFolder(b.writer.Dir)))
	var err error
	b.folder, err = objects.OpenFolder(t.Context(), cfg, prometheus.NewRegistry())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.folder.Close()) })
	b.Reader = NewReader(pgtest.New(t), segment.NewIntegrity(b.folder), cfg, zap.NewNop())
	return b
}

func (b *bucketReader) local(f segment.File) bool {
	_, err := os.Stat(filepath.Join(b.folder.Dir(), f.Path))
	return err == nil
}

// TestReplicaOfABucket: a snapshot is shown when its roll-ups are there, and the one before
// answers as long as they cannot be fetched.
func TestReplicaOfABucket(t *testing.T) {
	t.Parallel()
	b := newBucketReader(t, 1<<30)
	random := rand.New(rand.NewPCG(1, 1))
	first := write(t, b.writer, random, 30, 2)
	list(t, b.pool, first, 7)
	s := followed(t, b.Reader)
	require.NotNil(t, s.RollUp(1))
	require.Equal(t, 30, walked(t, s.Walk(1)))
	for _, f := range first.Files() {
		require.True(t, b.local(f), "there is room: %s", f.Path)
	}

	b.store.Kill()
	second := write(t, b.writer, random, 40, 2)
	list(t, b.pool, second, 8)
	require.ErrorIs(t, b.refresh(t.Context()), segment.ErrUnavailable)
	same, err := b.Current()
	require.NoError(t, err)
	require.Same(t, s, same)
	require.Equal(t, 30, walked(t, s.Walk(1)), "what is local still answers")
	require.Zero(t, b.Quarantined())

	b.store.Up(t)
	require.Eventually(t, func() bool { return b.refresh(t.Context()) == nil }, 20*time.Second, 50*time.Millisecond)
	s, err = b.Current()
	require.NoError(t, err)
	require.True(t, b.local(second.RollUpFile()))
	require.False(t, b.local(second.EventsFile()), "it is fetched when the snapshot is shown")
	require.True(t, s.Fetch(t.Context(), 1))
	require.Equal(t, 70, walked(t, s.Walk(1)))
}

// TestReplicaLosesCopies: copies that somebody removes or damages are fetched again.
func TestReplicaLosesCopies(t *testing.T) {
	t.Parallel()
	b := newBucketReader(t, 1<<30)
	random := rand.New(rand.NewPCG(1, 1))
	one := write(t, b.writer, random, 30, 2)
	list(t, b.pool, one, 7)
	s := followed(t, b.Reader)
	for _, f := range one.Files() {
		path := filepath.Join(b.folder.Dir(), f.Path)
		require.NoError(t, os.Remove(path))
		release, err := b.files.Hold(t.Context(), 1, f)
		require.NoError(t, err)
		require.True(t, b.local(f))
		release()

		content, err := os.ReadFile(path)
		require.NoError(t, err)
		content[len(content)/2] ^= 1
		require.NoError(t, os.Remove(path))
		require.NoError(t, os.WriteFile(path, content, 0o600))
		release, err = b.files.Hold(t.Context(), 1, f)
		require.NoError(t, err, "the bucket has it whole")
		require.Zero(t, b.Quarantined())
		release()
		require.NoError(t, b.files.Check(f))
	}
	require.Equal(t, 30, walked(t, s.Walk(1)))

	// Without its object, what is damaged stays so.
	f := one.EventsFile()
	require.NoError(t, os.Remove(filepath.Join(b.folder.Dir(), f.Path)))
	require.NoError(t, os.Remove(filepath.Join(b.writer.Dir, f.Path)))
	_, err := b.files.Hold(t.Context(), 1, f)
	require.ErrorIs(t, err, segment.ErrQuarantined)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestReplicaWithoutRoom: more than fits is answered all the same, and takes no more room
// than it may once nobody uses it.
func TestReplicaWithoutRoom(t *testing.T) {
	t.Parallel()
	b := newBucketReader(t, 1)
	random := rand.New(rand.NewPCG(1, 1))
	var all []segment.Segment
	for n := range 5 {
		s := write(t, b.writer, random, 100, 2)
		list(t, b.pool, s, 7+n)
		all = append(all, s)
	}
	s := followed(t, b.Reader)
	require.NotNil(t, s.RollUp(1))
	for range 3 {
		require.True(t, s.Fetch(t.Context(), 1))
		require.Equal(t, 500, walked(t, s.Walk(1)), "a file whose copy had to go stays open")
	}
	var files []segment.File
	for _, s := range all {
		files = append(files, s.EventsFile())
	}
	release, err := b.files.Hold(t.Context(), 1, files...)
	require.NoError(t, err)
	for _, f := range files {
		require.True(t, b.local(f), "what is in use stays")
	}
	release()
	for _, s := range all {
		for _, f := range s.Files() {
			require.False(t, b.local(f))
		}
	}
	newInspector(b.Reader).sweep(t.Context(), s)
	require.Equal(t, 1, s.WithoutWalk(), "so that the room of what was open is free")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.False(t, s.Fetch(ctx, 1))
}
