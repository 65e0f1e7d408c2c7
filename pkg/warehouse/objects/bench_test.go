package objects

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/warehouse/objects/objectstest"
)

// BenchmarkGet is what a replica waits for: a roll-up of a load, one of a merge, and the
// Parquet file of a merge of a million events.
func BenchmarkGet(b *testing.B) {
	bucketed := newBucket(b)
	for _, size := range []int{10 << 10, 4 << 20, 45 << 20} {
		b.Run(fmt.Sprint(size>>10, "KiB"), func(b *testing.B) {
			f, from := file(b, fmt.Sprintf("7/1-%d.parquet", size), strings.Repeat("x", size))
			require.NoError(b, bucketed.Put(b.Context(), f, from))
			to := filepath.Join(b.TempDir(), "copy")
			b.SetBytes(int64(size))
			for b.Loop() {
				require.NoError(b, bucketed.Get(b.Context(), f, to))
			}
		})
	}
}

// BenchmarkPut is what a load waits for, three times at once.
func BenchmarkPut(b *testing.B) {
	bucketed := newBucket(b)
	f, from := file(b, "", strings.Repeat("x", 10<<10))
	n := 0
	for b.Loop() {
		n++
		f.Path = fmt.Sprintf("7/1-%d.parquet", n)
		require.NoError(b, bucketed.Put(b.Context(), f, from))
	}
}

func newBucket(b *testing.B) *Bucket {
	b.Helper()
	made, err := Open(b.Context(), objectstest.Start(b, bucket).Config(bucket, ""), NewMetrics(prometheus.NewRegistry()))
	require.NoError(b, err)
	return made
}
