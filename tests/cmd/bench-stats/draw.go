package main

import (
	"fmt"
	"slices"
	"time"

	"eventanalytics/tests/bench/chart"
)

// charts of the comparison: what they show of the figures.
var charts = []struct {
	name, title, axis string
	value             func(figures) time.Duration
}{
	{"uncached", "Uncached answers", "p50 in ms, logarithmic", func(f figures) time.Duration { return f.p50 }},
	{"cpu", "CPU of an uncached answer", "median CPU in ms, logarithmic", func(f figures) time.Duration { return f.cpu }},
	{"cold", "First answer after a start, page cache dropped", "median in ms, logarithmic", func(f figures) time.Duration { return f.cold }},
}

// firstPaths are those of the first release, whose charts are stats-…; those of the others
// are analytics-….
var firstPaths = []string{"dau", "top-events", "retention", "events", "active-users"}

// draw draws the table of the comparison, as far as the service has answers.
func (b *bench) draw(names []string, all []comparison) error {
	if b.Images == "" {
		return nil
	}
	sets := map[string][]comparison{}
	for _, c := range all {
		set := "analytics"
		if slices.Contains(firstPaths, c.path) {
			set = "stats"
		}
		if c.served() {
			sets[set] = append(sets[set], c)
		}
	}
	for set, rows := range sets {
		for _, d := range charts {
			if d.name == "cold" && b.Cold == 0 {
				continue
			}
			bars := chart.Bars{Title: fmt.Sprintf("%s, %s events", d.title, millions(b.Events)), Axis: d.axis, Series: slices.DeleteFunc(slices.Clone(names), isVariant)}
			for _, c := range rows {
				row := chart.Row{Name: c.question}
				for i, f := range c.figures {
					if isVariant(names[i]) {
						continue
					}
					row.Values = append(row.Values, float64(d.value(f))/float64(time.Millisecond))
				}
				bars.Rows = append(bars.Rows, row)
			}
			if err := bars.Write(b.Images, set+"-"+d.name); err != nil {
				return err
			}
		}
	}
	return nil
}

// picture shows a chart on a page, by the images beside it.
func picture(name, title string) string {
	return fmt.Sprintf(`<picture>
  <source media="(prefers-color-scheme: dark)" srcset="images/%[1]s-dark.svg">
  <img alt="%[2]s: service, DuckDB, ClickHouse" src="images/%[1]s-light.svg">
</picture>
`, name, title)
}

func millions(n int64) string {
	if n%1_000_000 != 0 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d million", n/1_000_000)
}
