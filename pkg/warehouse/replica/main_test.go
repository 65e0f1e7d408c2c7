package replica

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/pkg/warehouse/walk"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// testConfig is for a fresh folder.
func testConfig(t testing.TB) warehouse.Config {
	cfg := warehouse.Config{Dir: t.TempDir(), RollUpBytes: 64 << 20, UsersBytes: 64 << 20, PollInterval: 20 * time.Millisecond, GracePeriod: time.Hour}
	require.NoError(t, segment.MakeFolders(segment.TemporaryFolder(cfg.Dir)))
	return cfg
}

// row is an event in a Parquet file, as far as a replica looks into it.
type row struct {
	ID         uuid.UUID `parquet:"event_id,uuid"`
	Us         int64     `parquet:"occurred_at"`
	User       int32     `parquet:"user_key"`
	Type       string    `parquet:"event_type"`
	Properties *string   `parquet:"properties,optional"`
}

// write makes a segment of project 1 with n events on some days.
func write(t testing.TB, cfg warehouse.Config, r *rand.Rand, n, days int) segment.Segment {
	t.Helper()
	return writeOf(t, cfg, r, 1, n, days)
}

func writeOf(t testing.TB, cfg warehouse.Config, r *rand.Rand, project int64, n, days int) segment.Segment {
	t.Helper()
	start := time.Date(2025, 2, 20, 0, 0, 0, 0, time.UTC)
	var sum rollup.Builder
	rows := make([]row, n)
	for i := range rows {
		at := start.Add(time.Duration(r.Int64N(int64(days) * int64(24*time.Hour))))
		rows[i] = row{ID: uuid.New(), Us: at.UnixMicro(), User: int32(r.IntN(26)), Type: string(rune('A' + r.IntN(5)))}
		sum.Add(rows[i].Us, rows[i].Type, uint32(rows[i].User), "")
	}
	s := segment.Segment{ProjectID: project, Events: int64(n), Epoch: 1, MinAt: start, MaxAt: start.AddDate(0, 0, days), Shredded: []string{}}
	s, err := segment.NewPublisher(segment.NewFolder(cfg.Dir)).Publish(t.Context(), s, segment.Content{
		Events: func(tmp string) error { return parquet.WriteFile(tmp, rows) },
		RollUp: func() ([]byte, error) { return sum.Bytes(project) },
		Users: func(file, tmp string) error {
			return walk.Build(t.Context(), file, project, nil, []string{}, tmp)
		},
	})
	require.NoError(t, err)
	return s
}
