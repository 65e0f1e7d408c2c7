package lake

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
)

// BenchmarkPublish adds one segment to a table, and publishes one from nothing.
func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{15, 1000} {
		for _, anew := range []bool{false, true} {
			b.Run(fmt.Sprintf("segments=%d/anew=%v", n, anew), func(b *testing.B) {
				w := newWorld(b)
				w.lake.deps.Log = zap.NewNop()
				all := make([]segment.Segment, n)
				for i := range all {
					all[i] = w.segment(1000)
				}
				require.NoError(b, w.term.Commit(b.Context(), func(tx *manifest.Tx) error {
					return tx.Advance(b.Context(), outbox.Position{Incarnation: tx.Stored.Incarnation, XID: tx.Stored.XID + 1}, time.Time{}, all)
				}))
				w.round()
				b.ResetTimer()
				for b.Loop() {
					b.StopTimer()
					if anew {
						w.exec("UPDATE analytics.lake_tables SET metadata_location = NULL")
						w.lake.tables = map[int64]*table{}
					}
					w.load(1)
					b.StartTimer()
					w.round()
				}
			})
		}
	}
}
