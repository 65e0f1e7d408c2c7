package main

import (
	"fmt"

	"eventanalytics/tests/bench/chart"
)

// drawUploads draws the events a second of each way to upload.
func (b *bench) drawUploads(file, title string, all []*upload) error {
	if b.Images == "" {
		return nil
	}
	bars := chart.Bars{Title: title, Axis: "events per second, median, logarithmic", Series: []string{"events/s"}}
	for _, u := range all {
		bars.Rows = append(bars.Rows, chart.Row{Name: u.name, Values: []float64{u.rate(b.Events)}})
	}
	return bars.Write(b.Images, file)
}

// drawRequests draws the events a second of each shape, by the value of GROUP_COMMIT.
func (b *bench) drawRequests(file, title string, shapes []shape, rates []map[string]float64) error {
	if b.Images == "" {
		return nil
	}
	bars := chart.Bars{
		Title: title, Axis: "events per second, logarithmic",
		Series: []string{"COPY (a)", "group commit", "a commit for each request"},
	}
	for i, s := range shapes {
		bars.Rows = append(bars.Rows, chart.Row{
			Name:   fmt.Sprintf("%d a request, %d connections", s.batch, s.connections),
			Values: []float64{b.copyRate, rates[i]["true"], rates[i]["false"]},
		})
	}
	return bars.Write(b.Images, file)
}
