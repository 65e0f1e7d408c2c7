package question_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/oracle"
)

// TestGeneratedQuestions: what is generated is JSON, and its answers have what the
// comparison is about.
func TestGeneratedQuestions(t *testing.T) {
	seen := map[string]int{}
	for i, s := range scenes {
		g := generator{Rand: rand.New(rand.NewPCG(uint64(i), 15))}
		g.kinds = g.someKinds()
		var events []oracle.Event
		for _, e := range g.events(s, 150) {
			events = append(events, naive(e))
		}
		for range 12 {
			now := s.at().Add(time.Duration(g.Int64N(int64(60*24*time.Hour)) - int64(10*24*time.Hour)))
			b, q := g.trends(s, now)
			require.True(t, json.Valid([]byte(b.String())), b.String())
			q.CompleteUntil = now
			for _, r := range q.Rows(events) {
				seen["group "+r.Name]++
				for name, holds := range map[string]bool{
					"null": r.Value == nil, "zero": r.Value != nil && *r.Value == 0, "previous": r.Previous != nil, "unpaired": q.Compare != "" && r.PreviousBucket == nil,
					"incomplete": r.Incomplete, "complete": !r.Incomplete, "rolling": q.Series[0].Rolling > 0, "cumulative": q.Cumulative, "formula": len(q.Formulas) > 0,
					"first": q.Series[0].First, "bins": len(q.Breakdown) > 0 && len(q.Breakdown[0].Bins) > 0, "unit": q.Scope.Unit.Source != "",
				} {
					if holds {
						seen[name]++
					}
				}
			}
			_, lifecycle := g.lifecycle(s, now)
			lifecycle.CompleteUntil = now
			for _, r := range lifecycle.Rows(events) {
				seen[r.Status] += r.Users
			}
			_, stickiness := g.stickiness(s, now)
			for _, r := range stickiness.Rows(events) {
				seen["sticky"] += r.Users
			}
			_, names := g.propertyNames(s, now)
			seen["names"] += len(names.Rows(events))
			_, values := g.propertyValues(s, now)
			seen["values"] += len(values.Rows(events))
			_, retention := g.retention(s, now)
			for _, r := range retention.Groups(events) {
				seen["retention "+r.Name]++
				seen["retained "+retention.Mode] += r.Retained
			}
		}
	}
	t.Log(seen)
	for _, what := range []string{
		"group ", "group value", "group other", "group all", "null", "zero", "previous", "unpaired", "incomplete", "complete", "rolling", "cumulative", "formula", "first", "bins", "unit",
		"new", "returning", "resurrecting", "dormant", "sticky", "names", "values",
		"retention ", "retention value", "retention other", "retention all", "retained ", "retained after", "retained bracket",
	} {
		require.Greater(t, seen[what], 5, what)
	}
}
