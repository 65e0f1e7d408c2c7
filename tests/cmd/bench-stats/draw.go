package main

import (
	"fmt"
	"slices"
	"time"

	"eventanalytics/tests/bench/chart"
)

// draw draws the table of the comparison, as far as the service has answers.
func (b *bench) draw(names []string, all []comparison) error {
	all = slices.DeleteFunc(all, func(c comparison) bool { return !c.served() })
	if b.Images == "" || len(all) == 0 {
		return nil
	}
	for _, d := range []struct {
		file, title, axis string
		value             func(figures) time.Duration
	}{
		{"stats-uncached", "Uncached answers", "p50 in ms, logarithmic", func(f figures) time.Duration { return f.p50 }},
		{"stats-cpu", "CPU of an uncached answer", "median CPU in ms, logarithmic", func(f figures) time.Duration { return f.cpu }},
		{"stats-cold", "First answer after a start, page cache dropped", "median in ms, logarithmic", func(f figures) time.Duration { return f.cold }},
	} {
		bars := chart.Bars{Title: fmt.Sprintf("%s, %s events", d.title, millions(b.Events)), Axis: d.axis, Series: names}
		for _, c := range all {
			row := chart.Row{Name: c.question}
			for _, f := range c.figures {
				row.Values = append(row.Values, float64(d.value(f))/float64(time.Millisecond))
			}
			bars.Rows = append(bars.Rows, row)
		}
		if err := bars.Write(b.Images, d.file); err != nil {
			return err
		}
	}
	return nil
}

func millions(n int64) string {
	if n%1_000_000 != 0 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d million", n/1_000_000)
}
