package memory

import (
	"math"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

const gib = 1024 * mib

func TestDivide(t *testing.T) {
	for name, c := range map[string]struct {
		limit int64
		needs Needs
		given Given
		want  Plan
	}{
		"ingest":                   {1 * gib, Needs{}, Given{}, Plan{Go: gib - gib/10}},
		"worker":                   {3 * gib, Needs{DuckDBs: 1, Worker: true}, Given{}, Plan{Go: 2304 * mib, DuckDB: 256 * mib, RollUps: 1024 * mib}},
		"worker, small":            {768 * mib, Needs{DuckDBs: 1, Worker: true}, Given{}, Plan{Go: 576 * mib, DuckDB: 64 * mib, RollUps: 288 * mib}},
		"worker, DuckDB given":     {3 * gib, Needs{DuckDBs: 1, Worker: true}, Given{DuckDB: 512 * mib}, Plan{Go: 2048 * mib, DuckDB: 512 * mib, RollUps: 1024 * mib}},
		"stats":                    {3 * gib, Needs{DuckDBs: 1}, Given{}, Plan{Go: 1280 * mib, DuckDB: 1280 * mib, RollUps: 640 * mib}},
		"stats with SQL":           {3 * gib, Needs{DuckDBs: 1, SQL: true}, Given{}, Plan{Go: 1280 * mib, DuckDB: 896 * mib, SQL: 384 * mib, RollUps: 640 * mib}},
		"SQL given":                {3 * gib, Needs{DuckDBs: 1, SQL: true}, Given{SQL: 128 * mib}, Plan{Go: 1280 * mib, DuckDB: 1152 * mib, SQL: 128 * mib, RollUps: 640 * mib}},
		"standalone with SQL":      {24 * gib, Needs{DuckDBs: 2, Worker: true, Postgres: true, SQL: true}, Given{}, Plan{Go: 13056 * mib, DuckDB: 2048 * mib, SQL: 1024 * mib, RollUps: 1024 * mib}},
		"DuckDB given":             {3 * gib, Needs{DuckDBs: 1}, Given{DuckDB: 512 * mib}, Plan{Go: 2048 * mib, DuckDB: 512 * mib, RollUps: 1024 * mib}},
		"Go given":                 {3 * gib, Needs{DuckDBs: 1}, Given{Go: 2048 * mib}, Plan{Go: 2048 * mib, DuckDB: 512 * mib, RollUps: 1024 * mib}},
		"both given, too much":     {1 * gib, Needs{DuckDBs: 1}, Given{Go: gib, DuckDB: gib}, Plan{Go: gib, DuckDB: gib, RollUps: 512 * mib}},
		"standalone":               {12 * gib, Needs{DuckDBs: 2, Worker: true, Postgres: true}, Given{}, Plan{Go: 5888 * mib, DuckDB: 2048 * mib, RollUps: 1024 * mib}},
		"standalone, small":        {3 * gib, Needs{DuckDBs: 2, Worker: true, Postgres: true}, Given{}, Plan{Go: 1152 * mib, DuckDB: 640 * mib, RollUps: 576 * mib}},
		"a machine with a lot":     {96 * gib, Needs{DuckDBs: 1}, Given{}, Plan{Go: 78 * gib, DuckDB: 2048 * mib, RollUps: 1024 * mib}},
		"more given than there is": {1 * gib, Needs{DuckDBs: 1}, Given{DuckDB: 2 * gib}, Plan{Go: least, DuckDB: 2 * gib, RollUps: least / 2}},
	} {
		c.want.Limit = c.limit
		require.Equal(t, c.want, Divide(c.limit, c.needs, c.given), name)
	}
}

// Unless an operator gives more than there is, the parts fit with a tenth to spare.
func TestPartsFit(t *testing.T) {
	for limit := int64(512 * mib); limit < 200*gib; limit += limit / 3 {
		for _, needs := range []Needs{
			{}, {DuckDBs: 1}, {DuckDBs: 1, Worker: true}, {DuckDBs: 2, Worker: true, Postgres: true},
			{DuckDBs: 1, SQL: true}, {DuckDBs: 2, Worker: true, Postgres: true, SQL: true},
		} {
			p := Divide(limit, needs, Given{})
			taken := p.Go + p.DuckDB + p.SQL
			if needs.DuckDBs == 2 {
				taken += min(limit/workerShare, maxWorker)
			}
			require.LessOrEqual(t, taken, limit-limit/10)
			require.LessOrEqual(t, p.RollUps, p.Go/2)
		}
	}
}

// What the worker reads at a time shrinks with what it may take.
func TestSettings(t *testing.T) {
	require.Empty(t, Divide(gib, Needs{}, Given{}).Settings())
	require.Equal(t, map[string]string{
		DuckDBSetting: "256MiB", rollUpsSetting: "1073741824", loadSetting: "67108864", MergeSetting: "268435456", mergeRollUpsSetting: "33554432",
	}, Divide(3*gib, Needs{DuckDBs: 1, Worker: true}, Given{}).Settings())
	require.Equal(t, map[string]string{
		DuckDBSetting: "64MiB", rollUpsSetting: "301989888", loadSetting: "16777216", MergeSetting: "67108864", mergeRollUpsSetting: "8388608",
	}, Divide(768*mib, Needs{DuckDBs: 1, Worker: true}, Given{}).Settings())
	require.Equal(t, "67108864", Divide(256*mib, Needs{DuckDBs: 1, SQL: true}, Given{}).Settings()[SQLSetting])
	require.Equal(t, Divide(96*gib, Needs{DuckDBs: 1, Worker: true}, Given{}).Settings()[MergeSetting], "268435456")
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]int64{
		"2GiB": 2 * gib, "512mib": 512 * mib, "1.5 GB": 1_500_000_000, "1000": 1000, "": 0, "80%": 0, "-1GB": 0, "much": 0, "9e99TB": 0,
	} {
		require.Equal(t, want, bytes(text), text)
	}
}

func TestApply(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	p, ok := Apply(Needs{DuckDBs: 1})
	require.True(t, ok)
	require.Equal(t, p.Go, debug.SetMemoryLimit(-1))

	// The environment overrides it; the runtime reads the variable when it starts.
	debug.SetMemoryLimit(100 * mib)
	t.Setenv(goSetting, "100MiB")
	p, ok = Apply(Needs{DuckDBs: 1})
	require.True(t, ok)
	require.Equal(t, int64(100*mib), p.Go)
	require.Equal(t, int64(100*mib), debug.SetMemoryLimit(-1))
	t.Setenv(goSetting, "off")
	debug.SetMemoryLimit(math.MaxInt64)
	_, ok = Apply(Needs{DuckDBs: 1})
	require.True(t, ok)
	require.Equal(t, int64(math.MaxInt64), debug.SetMemoryLimit(-1))
}
