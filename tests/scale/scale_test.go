package scale

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/postgres/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// The simulation ends, and its table has what each row was computed or run from.
func TestSimulate(t *testing.T) {
	t.Parallel()
	cfg := Config{Sizes: []Size{{Events: 7e6, Projects: 5}, {Events: 70e6, Projects: 10}}, Rounds: 1, Loads: 40, RollUp: 20_000}
	rows, err := Simulate(t.Context(), pgtest.New(t), cfg, t.Logf)
	require.NoError(t, err)
	for _, r := range rows {
		require.Len(t, r.Cells, 2, r.What)
		require.True(t, strings.HasPrefix(r.How, "run: ") || strings.HasPrefix(r.How, "computed: "), r.What)
	}
	table := Table(cfg.Sizes, rows)
	require.Contains(t, table, "| Live segments | 35 | 150 | computed: one for 700,000 events, and 5 small ones for each project (run: below) |")
	require.Contains(t, table, "| Ledger in Postgres | 707 MB | 7.07 GB | computed: 101 B an event |")
	// 40 loads of one level make five of the next.
	require.Contains(t, table, "| Segments written for a load, merges included | 1.12 | 1.12 | run: the same |")
	require.Contains(t, table, "| Object store: PUTs a day, a load each 10s | 145,800 | 291,600 |")
}

func TestCounts(t *testing.T) {
	t.Parallel()
	for n, text := range map[int64]string{7: "7", 1430: "1,430", 1_000_000: "1 M", 143_000_000: "143 M", 100e9: "100 B", 1.5e12: "1.5 T"} {
		require.Equal(t, text, count(n))
	}
	for n, text := range map[int64]string{0: "0 B", 999: "999 B", 45e9: "45 GB", 4.54e12: "4.54 TB", 2.7e15: "2.7 PB"} {
		require.Equal(t, text, bytesText(n))
	}
}
