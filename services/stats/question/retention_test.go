package question_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/oracle"
	"eventanalytics/services/stats/question"
)

// TestRetention compares generated questions of retention, with all of its options, with
// the oracle, from the events and from roll-ups.
func TestRetention(t *testing.T) {
	g := seeded(t, uint64(time.Now().UnixNano()))
	w := newWorld(t)
	for i, s := range scenes {
		g.kinds = g.someKinds()
		w.scatter(t, g, int64(i), g.events(s, 150))
	}
	seen := map[string]int{}
	kinds := []string{
		"rollup", "raw", "rollup mode ", "rollup mode after", "rollup mode bracket", "raw mode ", "raw mode after", "raw mode bracket", "rollup filter",
		"walk", "files of walk", "walk mode ", "walk mode after", "walk mode bracket", "walk filter",
		"returned in window 0", "value", "other", "all",
	}
	if w.clickHouse != nil {
		kinds = append(kinds, "engine", "engine mode ", "engine mode after", "engine mode bracket", "engine filter")
	}
	rounds(t, seen, 0, kinds, func(int) {
		for i, s := range scenes {
			c := newComparison(t, g, w, s, int64(i))
			for _, e := range c.whole {
				c.model = append(c.model, c.naive(e))
			}
			for range 20 {
				c.retentionOptions(t, seen)
			}
		}
	})
	require.Equal(t, seen["raw"], seen["walk"], "it refuses nothing")
}

// retentionOptions asks one question. Half of them are of event types alone, as roll-ups
// answer them.
func (c *comparison) retentionOptions(t *testing.T, seen map[string]int) {
	c.now = c.scene.at().Add(time.Duration(c.g.Int64N(int64(60*24*time.Hour)) - int64(10*24*time.Hour)))
	c.w.complete = c.now.Add(time.Duration(c.g.Int64N(int64(40*24*time.Hour))) - 35*24*time.Hour)
	c.snapshot = c.w.snapshot(t, c.project)
	b, of := c.g.retention(c.scene, c.now)
	of.CompleteUntil = c.w.complete
	if c.g.maybe(2) {
		c.ofTypes(b, &of)
	}
	q := retentionOf(t, b, c.now)
	want := [][]any{}
	for _, r := range of.Groups(c.model) {
		seen[r.Name]++
		if of.Returned && r.Window == 0 {
			seen["returned in window 0"] += r.Retained
		}
		row := []any{r.Cohort}
		if len(of.Breakdown) > 0 {
			for _, v := range r.Values {
				row = append(row, orNil(v))
			}
			row = append(row, r.Name)
		}
		want = append(want, append(row, r.Window, r.Size, r.Retained, r.Rate, r.Incomplete))
	}
	about := fmt.Sprintf("%s now=%s complete=%s project=%d", b, c.now, c.w.complete, c.project)
	c.each(t, q, want, about, func(name string) {
		if len(want) > 0 {
			seen[name]++
			seen[name+" mode "+of.Mode]++
			if of.ReturningFilter != nil {
				seen[name+" filter"]++
			}
		}
	})
}

// ofTypes makes a question one of event types alone.
func (c *comparison) ofTypes(b body, of *oracle.Retention) {
	for _, name := range []string{"segment", "filter", "breakdown", "top", "other", "total", "zero", "returning_filter"} {
		delete(b, name)
	}
	of.Split, of.Filter, of.ReturningFilter, of.Returned = oracle.Split{}, nil, nil, false
	if c.g.maybe(2) {
		value := pick(c.g, someTypes)
		b["returning_filter"] = body{"not": "event_type=" + value}
		of.ReturningFilter = oracle.Not{Filter: oracle.Condition{Field: oracle.Field{Source: "event_type"}, Op: "=", Values: []string{value}}}
	}
}

// retentionOf reads a question as it is posted.
func retentionOf(t *testing.T, b body, now time.Time) question.Retention {
	p := &question.RetentionParams{Granularity: "week", Cohort: "first_ever", Mode: "on", Zero: "cohort"}
	p.Top, p.Other = 10, true
	require.NoError(t, json.Unmarshal([]byte(b.String()), p))
	today := oracle.Day("today", now, mustLocation(t, p.Timezone))
	p.StartDate, p.EndDate = b["start_date"].(string), b["end_date"].(string)
	asked := now
	if today < p.StartDate { // the API refuses cohorts that have not begun
		asked = now.AddDate(1, 0, 0)
	}
	resolved, err := p.Question(asked)
	require.NoError(t, err, b)
	return resolved.(question.Retention)
}

func mustLocation(t *testing.T, name string) *time.Location {
	loc, err := time.LoadLocation(name)
	require.NoError(t, err)
	return loc
}

func orNil(s *string) any {
	if s == nil {
		return nil
	}
	return *s
}
