package question_test

import (
	"time"

	"eventanalytics/pkg/oracle"
)

// lifecycle makes a question of it; the oracle's lacks when the data end.
func (g generator) lifecycle(s scene, now time.Time) (body, oracle.Lifecycle) {
	g.near = s.at()
	b := body{}
	interval := g.interval(b, "day", "week", "month")
	q := oracle.Lifecycle{Scope: g.scope(b, s, now, interval), Interval: g.week(b, interval), Series: g.one(b)}
	return b, q
}

func (g generator) stickiness(s scene, now time.Time) (body, oracle.Stickiness) {
	g.near = s.at()
	b := body{}
	interval := g.interval(b, "day", "week", "month")
	q := oracle.Stickiness{Scope: g.scope(b, s, now, interval), Interval: g.week(b, interval), Series: g.one(b), Least: 1}
	if g.maybe(3) {
		q.Least = 1 + g.IntN(4)
		b["least"] = q.Least
	}
	if g.maybe(2) {
		b["cumulative"], q.Cumulative = true, true
	}
	return b, q
}

// one makes the series of a question that has one.
func (g generator) one(b body) oracle.Series {
	if g.maybe(3) {
		return oracle.Series{}
	}
	text, series := g.series()
	b["series"] = g.plain(text)
	return series
}

// propertyNames makes a question of the names of properties. It has no unit.
func (g generator) propertyNames(s scene, now time.Time) (body, oracle.Properties) {
	g.near = s.at()
	b := body{}
	q := oracle.Properties{Scope: g.scope(b, s, now, "all"), Series: g.one(b)}
	delete(b, "unit")
	q.Unit = oracle.Field{}
	return b, q
}

// propertyValues makes a question of the values of a field. It has no unit.
func (g generator) propertyValues(s scene, now time.Time) (body, oracle.PropertyValues) {
	g.near = s.at()
	b := body{"include": "users"}
	q := oracle.PropertyValues{Scope: g.scope(b, s, now, "all"), Series: g.one(b), Limit: 20}
	delete(b, "unit")
	q.Unit = oracle.Field{}
	b["property"], q.Property = g.valued()
	if g.maybe(2) {
		q.Q = pick(g, []string{"U", "u", "A", "L", "B", "N", "1", ".5", "PL", "É", "[", "zz"})
		b["q"] = q.Q
	}
	if g.maybe(2) {
		q.Limit = 1 + g.IntN(60)
		b["limit"] = q.Limit
	}
	return b, q
}

// retention makes a question of it; the oracle's lacks when the data end.
func (g generator) retention(s scene, now time.Time) (body, oracle.Retention) {
	g.near = s.at()
	b := body{}
	granularity := pick(g, []string{"day", "week", "month"})
	scope := g.scope(b, s, now, granularity)
	b["start_date"], b["end_date"], b["granularity"] = scope.From, scope.To, granularity
	for _, name := range []string{"from", "to", "unit"} {
		delete(b, name)
	}
	q := oracle.Retention{
		Start: scope.From, End: scope.To, Granularity: granularity, Windows: 1 + g.IntN(12), Zone: scope.Zone, Now: now,
		Filter: scope.Filter, Split: g.split(b),
	}
	b["windows"] = q.Windows
	switch g.IntN(4) {
	case 0:
		b["mode"], q.Mode = "after", "after"
	case 1:
		q.Mode, q.Brackets = "bracket", pick(g, [][]int{{1}, {1, 3, 7, 14}, {3, 5}, {2, 3, 30}})
		b["mode"], b["brackets"] = q.Mode, q.Brackets
		delete(b, "windows")
	}
	if g.maybe(2) {
		b["cohort"], q.InPeriod = "in_period", true
	}
	if g.maybe(2) {
		q.Founding = pick(g, someTypes)
		b["event_type"] = q.Founding
	}
	if g.maybe(2) {
		q.Returning = pick(g, someTypes)
		b["returning_event_type"] = q.Returning
	}
	if g.maybe(3) {
		b["returning_filter"], q.ReturningFilter = g.tree(2)
	}
	if g.maybe(2) {
		b["zero"], q.Returned = "returned", true
	}
	return b, q
}
