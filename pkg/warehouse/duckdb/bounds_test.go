package duckdb

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/warehouse/pages"
)

// TestDuckDBFindsEachValue in files of several row groups, whose bounds and Bloom filters say
// which of them it need not read.
func TestDuckDBFindsEachValue(t *testing.T) {
	t.Parallel()
	b := newBuilder(t, testConfig(t))
	r := rand.New(rand.NewPCG(1, 2))
	for _, rows := range []int{1, 7, 2_000} { // in a row group
		n := 3*rows + 1
		few, many, long := make([]string, n), make([]string, n), make([]string, n)
		whole, numbers, missing := make([]int64, n), make([]float64, n), make([]bool, n)
		for i := range n {
			few[i] = []string{"", "a", "ab", "é", "\x00", "\U0010ffff"}[(i/rows+r.IntN(3))%6]
			many[i] = fmt.Sprint("u", r.IntN(2*n))
			long[i] = strings.Repeat("x", 250+r.IntN(20)) + fmt.Sprint(r.IntN(3))
			whole[i] = []int64{math.MinInt64, -5, 0, 7, math.MaxInt64}[(i/rows+r.IntN(2))%5]
			numbers[i] = []float64{-math.MaxFloat64, -1.5, 0, 1e-300, 2.5, math.MaxFloat64}[(i/rows+r.IntN(3))%6]
			missing[i] = r.IntN(4) == 0 || i < rows // all in the first row group
		}
		path := filepath.Join(b.dir, fmt.Sprint(rows, ".parquet"))
		require.NoError(t, pages.Write(t.Context(), path, func(yield func([]pages.Column) bool) {
			for from := 0; from < n; from += rows {
				to := min(from+rows, n)
				if !yield([]pages.Column{
					pages.Texts("few", few[from:to], missing[from:to]), pages.Texts("many", many[from:to], nil), pages.Texts("long", long[from:to], nil),
					pages.Integers("whole", whole[from:to], missing[from:to]), pages.Numbers("number", numbers[from:to], missing[from:to]),
				}) {
					return
				}
			}
		}, nil))
		finds(t, b, path, "few", few, missing)
		finds(t, b, path, "many", many, nil)
		finds(t, b, path, "long", long, nil)
		finds(t, b, path, "whole", whole, missing)
		finds(t, b, path, "number", numbers, missing)
	}
}

func finds[T string | int64 | float64](t *testing.T, b *Builder, path, column string, values []T, missing []bool) {
	t.Helper()
	asked := map[T]bool{}
	for _, v := range values {
		if asked[v] || len(asked) == 40 {
			continue
		}
		asked[v] = true
		var want, got [4]int
		for i, w := range values {
			switch {
			case missing != nil && missing[i]:
				want[3]++
			case w < v:
				want[0]++
			case w == v:
				want[1]++
			default:
				want[2]++
			}
		}
		for i, condition := range []string{" < $1", " = $1", " > $1", " IS NULL AND $1 IS NOT NULL"} {
			query := "SELECT count(*) FROM read_parquet(" + quote(path) + ") WHERE " + column + condition
			require.NoError(t, b.db.QueryRowContext(t.Context(), query, v).Scan(&got[i]))
		}
		require.Equal(t, want, got, "%s: %v", column, v)
	}
}
