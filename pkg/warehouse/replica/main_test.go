package replica

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/pkg/warehouse/segment"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// testConfig is for a fresh folder.
func testConfig(t testing.TB) warehouse.Config {
	cfg := warehouse.Config{Dir: t.TempDir(), RollUpBytes: 64 << 20, PollInterval: 20 * time.Millisecond, GracePeriod: time.Hour}
	require.NoError(t, segment.MakeFolders(segment.TemporaryFolder(cfg.Dir)))
	return cfg
}

// write makes a segment of project 1 with n events on some days. Its roll-up is a
// real one; a replica does not look into the file of events.
func write(t testing.TB, cfg warehouse.Config, r *rand.Rand, n, days int) segment.Segment {
	t.Helper()
	return writeOf(t, cfg, r, 1, n, days)
}

func writeOf(t testing.TB, cfg warehouse.Config, r *rand.Rand, project int64, n, days int) segment.Segment {
	t.Helper()
	start := time.Date(2025, 2, 20, 0, 0, 0, 0, time.UTC)
	var sum rollup.Builder
	for range n {
		at := start.Add(time.Duration(r.Int64N(int64(days) * int64(24*time.Hour))))
		sum.Add(at.UnixMicro(), string(rune('A'+r.IntN(5))), uint32(r.IntN(26)), "")
	}
	s := segment.Segment{ProjectID: project, Events: int64(n), Epoch: 1, MinAt: start, MaxAt: start.AddDate(0, 0, days), Shredded: []string{}}
	s, err := segment.NewPublisher(cfg.Dir).Publish(s, segment.Content{
		Events: func(tmp string) error { return os.WriteFile(tmp, []byte("events"), 0o600) },
		RollUp: func() ([]byte, error) { return sum.Bytes(project) },
	})
	require.NoError(t, err)
	return s
}
