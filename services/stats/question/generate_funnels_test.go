package question_test

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"eventanalytics/pkg/oracle"
)

// funnel makes a question of funnels; the oracle's lacks when the data end.
func (g generator) funnel(s scene, now time.Time) (body, oracle.Funnel) {
	g.near = s.at()
	b := body{}
	times := g.maybe(4)
	interval := "all"
	if !times {
		interval = pick(g, []string{"all", "all", "minute", "hour", "day", "day", "week", "month", "quarter", "year"})
		if interval != "all" || g.maybe(2) {
			b["interval"] = interval
		}
	} else {
		b["view"] = "times"
	}
	q := oracle.Funnel{Scope: g.scope(b, s, now, interval), Split: g.split(b), Interval: g.week(b, interval), Order: pick(g, []string{"ordered", "ordered", "strict", "any"}), Attribution: 1}
	if q.Order != "ordered" || g.maybe(2) {
		b["order"] = q.Order
	}
	g.steps(b, &q)
	b["window"] = pick(g, []string{"1s", "90s", "30min", "6h", "1d", "7d", "30d", "100d", "366d"})
	q.Window = windows[b["window"].(string)]
	if g.maybe(6) {
		delete(b, "window")
		q.Window = windows["7d"]
	}
	if q.Order != "any" && g.maybe(3) {
		g.exclude(b, &q)
	}
	if times && g.maybe(2) {
		q.Bins = pick(g, [][]string{{"0", "1e0"}, {"0", "0.000001", "60", "86400", "31622400"}, {"3600", "604800.0"}})
		b["bins"] = json.RawMessage("[" + strings.Join(q.Bins, ",") + "]")
	}
	switch g.IntN(4) {
	case 0:
		b["attribution"], q.Attribution = "last", 0
	case 1:
		q.Attribution = 1 + g.IntN(len(q.Steps))
		b["attribution"] = q.Attribution
	}
	if g.maybe(3) {
		b["fill"], q.Fill = "zero", true
	}
	return b, q
}

const day = 24 * time.Hour

var windows = map[string]time.Duration{
	"1s": time.Second, "90s": 90 * time.Second, "30min": 30 * time.Minute, "6h": 6 * time.Hour, "1d": day, "7d": 7 * day, "30d": 30 * day, "100d": 100 * day, "366d": 366 * day,
}

func (g generator) steps(b body, q *oracle.Funnel) {
	var steps []any
	for range pick(g, []int{2, 2, 3, 3, 4, 5}) {
		text, step := g.series()
		if len(step.Types) > 1 { // the name has each once
			slices.Sort(step.Types)
			step.Types = slices.Compact(step.Types)
			text["event"] = step.Types
		}
		if step.Filter != nil && g.maybe(2) { // most events pass few of them
			delete(text, "filter")
			step.Filter = nil
		}
		if g.maybe(5) {
			step.Name = pick(g, []string{"Step", "Ünï, 1"})
			text["name"] = step.Name
		}
		steps, q.Steps = append(steps, g.plain(text)), append(q.Steps, step)
	}
	b["steps"] = steps
}

func (g generator) exclude(b body, q *oracle.Funnel) {
	var exclude []any
	for range pick(g, []int{1, 1, 2}) {
		text, events := g.series()
		delete(text, "first")
		x := oracle.Exclude{Types: events.Types, Filter: events.Filter, After: 1, Before: len(q.Steps)}
		if len(x.Types) == 0 && x.Filter == nil { // leaves hardly anything
			x.Types = []string{pick(g, someTypes)}
			text["event"] = x.Types[0]
		}
		if g.maybe(2) {
			x.After = 1 + g.IntN(len(q.Steps)-1)
			text["after"] = x.After
		}
		if g.maybe(2) {
			x.Before = x.After + 1 + g.IntN(len(q.Steps)-x.After)
			text["before"] = x.Before
		}
		exclude, q.Exclude = append(exclude, g.plain(text)), append(q.Exclude, x)
	}
	b["exclude"] = exclude
}
