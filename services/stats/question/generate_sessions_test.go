package question_test

import (
	"fmt"
	"time"

	"eventanalytics/pkg/oracle"
)

// gap makes the longest pause in sessions.
func (g generator) gap(b body) time.Duration {
	if g.maybe(3) {
		return 30 * time.Minute
	}
	gap := pick(g, []time.Duration{time.Minute, 61 * time.Second, 5 * time.Minute, 90 * time.Minute, 6 * time.Hour, 24 * time.Hour})
	b["gap"] = fmt.Sprintf("%ds", int(gap.Seconds()))
	return gap
}

// sessions makes a question of sessions; the oracle's lacks when the data end.
func (g generator) sessions(s scene, now time.Time) (body, oracle.Sessions) {
	g.near, g.inSessions = s.at(), g.maybe(2)
	b := body{}
	interval := g.interval(b, "minute", "hour", "day", "day", "day", "week", "month", "quarter", "year", "all")
	q := oracle.Sessions{Scope: g.scope(b, s, now, interval), Interval: g.week(b, interval), Gap: g.gap(b)}
	g.inSessions = true
	q.Split = g.split(b)
	if g.maybe(2) {
		b["fill"], q.Fill = "zero", true
	}
	return b, q
}

// paths makes a question of paths.
func (g generator) paths(s scene, now time.Time) (body, oracle.Paths) {
	g.near = s.at()
	b := body{}
	q := oracle.Paths{Scope: g.scope(b, s, now, "all"), Node: oracle.Field{Source: "event_type"}, Steps: 5, Gap: g.gap(b), Top: 10}
	if g.maybe(2) {
		b["node"], q.Node = g.valued()
	}
	if g.maybe(2) {
		q.Steps = pick(g, []int{2, 3, 4, 20})
		b["steps"] = q.Steps
	}
	if g.maybe(2) {
		q.Top = pick(g, []int{1, 2, 3, 100})
		b["top"] = q.Top
	}
	if g.maybe(3) {
		b["repeats"], q.Repeats = true, true
	}
	if g.maybe(3) {
		q.Within = pick(g, []time.Duration{time.Second, time.Hour, 24 * time.Hour, 30 * 24 * time.Hour, 366 * 24 * time.Hour})
		b["within"] = fmt.Sprintf("%ds", int(q.Within.Seconds()))
	}
	if g.maybe(2) {
		text, start := g.series()
		b["start"], q.Start = g.plain(text), &start
	}
	if g.maybe(3) {
		text, end := g.series()
		b["end"], q.End = g.plain(text), &end
	}
	return b, q
}
