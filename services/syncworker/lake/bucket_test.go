package lake

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/objects"
	"eventanalytics/pkg/warehouse/objects/objectstest"
)

// TestBucket: with a bucket, metadata are objects, and no file stays behind.
func TestBucket(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := objectstest.Start(t, "events")
	folder, err := objects.OpenFolder(t.Context(), warehouse.Config{Dir: t.TempDir(), Bucket: server.Config("events", "analytics/")}, prometheus.NewRegistry())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, folder.Close()) })
	w.load(10)
	w.load(20)
	w.folder = folder
	w.lead(Config{Interval: time.Minute, Location: "s3://events/analytics", GracePeriod: -time.Hour}) // all files are old
	w.round()
	first := w.catalog()
	name := strings.TrimPrefix(first, "s3://events/analytics/")
	data, err := folder.ReadMetadata(t.Context(), name)
	require.NoError(t, err)
	m, err := parseMetadata(data)
	require.NoError(t, err)
	require.Equal(t, "30", m.current().Summary["total-records"])

	for range 2 {
		w.load(30)
		w.lead(Config{Interval: time.Minute, Location: "s3://events/analytics", GracePeriod: -time.Hour})
		w.round()
		require.NotEqual(t, first, w.catalog())
	}
	require.NoError(t, w.lake.Sweep(t.Context()))
	require.NotContains(t, w.files(), name, "it was replaced by one that was replaced")
	require.Contains(t, w.files(), strings.TrimPrefix(w.catalog(), "s3://events/analytics/"))
}
