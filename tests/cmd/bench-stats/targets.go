package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"eventanalytics/tests/bench/measure"
)

// target is what questions are to take at most: the p50 of uncached answers to one client.
type target struct {
	what      string
	questions []string // by how their names begin
	at10      time.Duration
	at100     time.Duration // with 100 million events
	beside    float64       // of ClickHouse's p50; 0: no matter
}

var targets = []target{
	{"trend of types", []string{"trends, users of", "trends, events of"}, 10 * time.Millisecond, 50 * time.Millisecond, 0},
	{"lifecycle, stickiness", []string{"lifecycle", "stickiness"}, 5 * time.Millisecond, 20 * time.Millisecond, 0},
	{"filter or breakdown by one common property", []string{"dau, 30 days, a common", "trends, users in a country", "trends, users by country"}, 15 * time.Millisecond, 60 * time.Millisecond, 0.7},
	{"sum and p95 of a number", []string{"trends, sum", "trends, p95"}, 25 * time.Millisecond, 200 * time.Millisecond, 0},
	{"breakdown by any property", []string{"trends, users by item"}, 50 * time.Millisecond, 400 * time.Millisecond, 0},
	{"contains, regular expression", []string{"trends, events, contains", "trends, events, regular"}, 40 * time.Millisecond, 300 * time.Millisecond, 0},
	{"names of properties", []string{"properties"}, 2 * time.Millisecond, 5 * time.Millisecond, 0},
	{"values with a search", []string{"property-values"}, 30 * time.Millisecond, 150 * time.Millisecond, 0},
	{"funnel of types", []string{"funnel, 3 steps"}, 6 * time.Millisecond, 70 * time.Millisecond, 0.2},
	{"funnel, a filter and a breakdown", []string{"funnel, a filter"}, 35 * time.Millisecond, 250 * time.Millisecond, 0},
	{"paths, sessions", []string{"paths", "sessions"}, 15 * time.Millisecond, 120 * time.Millisecond, 0},
	{"one user's timeline", []string{"one user's timeline"}, 20 * time.Millisecond, 20 * time.Millisecond, 0},
	{"latest events", []string{"latest"}, 10 * time.Millisecond, 10 * time.Millisecond, 0},
}

// What loading is to reach.
const (
	leastLoaded = 100_000 // events a second
	mostStored  = 60      // bytes an event, with all its files
	mostByUser  = 11      // of these in files of events by user
)

// most is the target with so many events, and how it is written.
func (t target) most(events int64) (time.Duration, string) {
	most := t.at10
	if events >= 50_000_000 {
		most = t.at100
	}
	text := "≤ " + measure.Milliseconds(most) + " ms"
	if t.beside > 0 {
		text += fmt.Sprintf(", ≤ %g × ClickHouse", t.beside)
	}
	return most, text
}

// targetRows compare what was measured with the targets.
func (b *bench) targetRows(names []string, all []comparison) [][]string {
	clickHouse := slices.Index(names, "ClickHouse")
	var rows [][]string
	for _, t := range targets {
		most, text := t.most(b.Events)
		for _, c := range all {
			if !c.served() || !slices.ContainsFunc(t.questions, func(begin string) bool { return strings.HasPrefix(c.question, begin) }) {
				continue
			}
			service := c.figures[0]
			met := service.p50 <= most
			other, relation := "–", "–"
			if clickHouse >= 0 {
				p50 := c.figures[clickHouse].p50
				other, relation = measure.Milliseconds(p50), ratio(service.p50, p50)
				met = met && (t.beside == 0 || float64(service.p50) <= t.beside*float64(p50))
			}
			rows = append(rows, []string{t.what, text, c.question, c.source, measure.Milliseconds(service.p50), measure.Milliseconds(service.cpu), other, relation, yes(met)})
		}
	}
	return rows
}

func yes(met bool) string {
	if met {
		return "yes"
	}
	return "**no**"
}

// loadRows compare what loading took with the targets.
func (d *dataset) loadRows() [][]string {
	n, g := d.made.History.Events, d.made.Costs
	rate := float64(n) / g.Visible.Wall.Seconds()
	stored := float64(g.Segments.bytes()) / float64(n)
	byUser := float64(g.Segments.UsersBytes) / float64(n)
	return [][]string{
		{"loading", fmt.Sprintf("≥ %d events/s", leastLoaded), fmt.Sprintf("%.0f events/s", rate), yes(rate >= leastLoaded)},
		{"on disk, all files", fmt.Sprintf("≤ %d bytes an event", mostStored), fmt.Sprintf("%.1f bytes an event", stored), yes(stored <= mostStored)},
		{"files of events by user", fmt.Sprintf("≤ %d bytes an event", mostByUser), fmt.Sprintf("%.1f bytes an event", byUser), yes(byUser <= mostByUser)},
	}
}

var (
	targetColumns = []string{"target", "p50 at most", "question", "source", "service: p50 ms", "CPU ms", "ClickHouse: p50 ms", "service ÷ ClickHouse", "met"}
	loadColumns   = []string{"target", "", "measured", "met"}
)

// printTargets prints the tables and, with --page, writes them into the page between the
// marks of so many events.
func (b *bench) printTargets(names []string, all []comparison) error {
	questions, loading := b.targetRows(names, all), b.data.loadRows()
	measure.Heading("Targets", targetColumns...)
	for _, row := range questions {
		measure.Row(row...)
	}
	measure.Heading("Targets of loading", loadColumns...)
	for _, row := range loading {
		measure.Row(row...)
	}
	if b.Page == "" {
		return nil
	}
	text := fmt.Sprintf("Medians of at most %d uncached answers to one client; %s events in %d segments; commit %s, %s; load average at the start %s.\n\n%s\nThe events were loaded at %s, commit %s.\n\n%s",
		b.Samples, millions(b.Events), len(b.live), b.commit, b.date, b.loadAverage, measure.Table(targetColumns, questions),
		b.data.made.At.Format(time.DateTime), b.data.made.Commit, measure.Table(loadColumns, loading))
	if b.Images != "" {
		for _, c := range charts {
			text += "\n" + picture("analytics-"+c.name, c.title)
		}
	}
	return measure.WriteBetween(b.Page, "targets, "+millions(b.Events)+" events: made by bench-stats", text)
}
