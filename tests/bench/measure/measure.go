// Package measure is shared by the benchmark commands: it reads the CPU and memory of
// processes from /proc, on Linux, and prints tables in Markdown.
package measure

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Heading starts a table. Row prints immediately, because a long run is read while it
// is in progress.
func Heading(title string, columns ...string) {
	fmt.Printf("\n### %s\n\n", title)
	Row(columns...)
	fmt.Println(strings.Repeat("|---", len(columns)) + "|")
}

// Row prints one row.
func Row(cells ...string) { fmt.Println("| " + strings.Join(cells, " | ") + " |") }

// Median of an even number of values is the upper of the middle two.
func Median[T cmp.Ordered](of []T) T {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

// Milliseconds writes a duration without its unit, below 10 with a decimal and
// below 1 with two.
func Milliseconds(d time.Duration) string {
	switch ms := float64(d) / float64(time.Millisecond); {
	case ms < 1:
		return fmt.Sprintf("%.2f", ms)
	case ms < 10:
		return fmt.Sprintf("%.1f", ms)
	default:
		return fmt.Sprintf("%.0f", ms)
	}
}

// Megabytes writes a size in 10⁶ bytes without its unit.
func Megabytes(bytes uint64) string { return fmt.Sprintf("%.0f", float64(bytes)/1e6) }

// Per scales a cost to a number of events.
func Per(d time.Duration, events int64, scale float64) time.Duration {
	if events == 0 {
		return 0
	}
	return time.Duration(float64(d) / float64(events) * scale)
}

// Quantile q of the values, from 0 to 1: the smallest that at least that share of them
// does not exceed.
func Quantile[T cmp.Ordered](of []T, q float64) T {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}
