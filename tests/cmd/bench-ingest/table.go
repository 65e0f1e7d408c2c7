package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// heading begins a table in Markdown; row adds to it at once, since a long run
// is read while it goes on.
func heading(title string, columns ...string) {
	fmt.Printf("\n### %s\n\n", title)
	row(columns...)
	fmt.Println(strings.Repeat("|---", len(columns)) + "|")
}

func row(cells ...string) { fmt.Println("| " + strings.Join(cells, " | ") + " |") }

// median is the upper of the two in the middle of an even number.
func median[T cmp.Ordered](of []T) T {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

func milliseconds(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	if ms < 10 {
		return fmt.Sprintf("%.1f", ms)
	}
	return fmt.Sprintf("%.0f", ms)
}

func megabytes(bytes uint64) string { return fmt.Sprintf("%.0f", float64(bytes)/1e6) }

// per scales a cost to so many events.
func per(d time.Duration, events int64, scale float64) time.Duration {
	if events == 0 {
		return 0
	}
	return time.Duration(float64(d) / float64(events) * scale)
}
