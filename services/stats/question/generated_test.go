package question_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/oracle"
	"eventanalytics/pkg/syntax"
)

// TestGeneratedQuestions: what is generated can be asked, and its answers have what the
// comparison is about.
func TestGeneratedQuestions(t *testing.T) {
	seen := map[string]int{}
	for i, s := range scenes {
		g := generator{Rand: rand.New(rand.NewPCG(uint64(i), 16))}
		g.kinds = g.someKinds()
		g.cohorts = g.someCohorts(nil, linked{})
		var events []oracle.Event
		for _, e := range g.events(s, 150) {
			events = append(events, naive(e))
		}
		for round := 0; round < 12 || round < 40 && seen["unpaired"] == 0; round++ { // few are
			now := s.at().Add(time.Duration(g.Int64N(int64(60*24*time.Hour)) - int64(10*24*time.Hour)))
			b, q := g.trends(s, now)
			requireParses(t, b)
			q.CompleteUntil = now
			for _, r := range q.Rows(events) {
				seen["group "+r.Name]++
				for name, holds := range map[string]bool{
					"did": strings.Contains(b.String(), `"did"`), "funnel": strings.Contains(b.String(), `"funnel"`), "cohort": strings.Contains(b.String(), `"cohort:`), "by cohort": len(q.Breakdown) > 0 && q.Breakdown[0].Field.Cohort != nil,
					"null": r.Value == nil, "zero": r.Value != nil && *r.Value == 0, "previous": r.Previous != nil, "unpaired": q.Compare != "" && r.PreviousBucket == nil,
					"incomplete": r.Incomplete, "complete": !r.Incomplete, "rolling": q.Series[0].Rolling > 0, "cumulative": q.Cumulative, "formula": len(q.Formulas) > 0,
					"first": q.Series[0].First, "bins": len(q.Breakdown) > 0 && len(q.Breakdown[0].Bins) > 0, "unit": q.Unit.Source != "",
				} {
					if holds {
						seen[name]++
					}
				}
			}
			b, lifecycle := g.lifecycle(s, now)
			requireParses(t, b)
			lifecycle.CompleteUntil = now
			for _, r := range lifecycle.Rows(events) {
				seen[r.Status] += r.Users
			}
			b, stickiness := g.stickiness(s, now)
			requireParses(t, b)
			for _, r := range stickiness.Rows(events) {
				seen["sticky"] += r.Users
			}
			b, names := g.propertyNames(s, now)
			requireParses(t, b)
			seen["names"] += len(names.Rows(events))
			b, values := g.propertyValues(s, now)
			requireParses(t, b)
			seen["values"] += len(values.Rows(events))
			b, retention := g.retention(s, now)
			requireParses(t, b)
			for _, r := range retention.Groups(events) {
				seen["retention "+r.Name]++
				seen["retained "+retention.Mode] += r.Retained
			}
		}
	}
	t.Log(seen)
	for _, what := range []string{
		"group ", "group value", "group other", "group all", "null", "zero", "previous", "unpaired", "incomplete", "complete", "rolling", "cumulative", "formula", "first", "bins", "unit",
		"did", "funnel", "cohort", "by cohort",
		"new", "returning", "resurrecting", "dormant", "sticky", "names", "values",
		"retention ", "retention value", "retention other", "retention all", "retained ", "retained after", "retained bracket",
	} {
		require.Positive(t, seen[what], what)
	}
}

// requireParses: the parts of a question are in the language of questions.
func requireParses(t *testing.T, b body) {
	t.Helper()
	part := func(name string, parse func([]byte) error) {
		if value, ok := b[name]; ok {
			text, err := json.Marshal(value)
			require.NoError(t, err)
			require.NoError(t, parse(text), "%s of %s", name, b)
		}
	}
	n := 1
	series := func(data []byte) error {
		parsed, err := syntax.ParseSeriesJSON(data)
		n = len(parsed)
		return err
	}
	filter := func(data []byte) error { _, err := syntax.ParseFilterJSON(data); return err }
	part("filter", filter)
	part("returning_filter", filter)
	part("series", series)
	part("breakdown", func(data []byte) error { _, err := syntax.ParseBreakdownJSON(data); return err })
	part("formula", func(data []byte) error { _, err := syntax.ParseFormulasJSON(data, n); return err })
	if measure, ok := b["measure"].(string); ok {
		_, err := syntax.ParseMeasure(measure)
		require.NoError(t, err, measure)
	}
}

// TestConditionsOnProperties compares what conditions on properties mean with the oracle,
// event by event.
func TestConditionsOnProperties(t *testing.T) {
	g := seeded(t, uint64(time.Now().UnixNano()))
	held := map[string]int{}
	for _, s := range scenes {
		g.near = s.at()
		zone, err := calendar.Load(s.zone)
		require.NoError(t, err)
		loc, err := time.LoadLocation(s.zone)
		require.NoError(t, err)
		events := g.events(s, 60)
		for range 1000 {
			text, condition := g.condition()
			if condition.Field.Source != "properties" {
				continue
			}
			f, err := syntax.ParseFilter(text)
			require.NoError(t, err, text)
			holds := syntax.OfProperties(f, zone)
			for _, e := range events {
				want := len(oracle.Keep([]oracle.Event{naive(e)}, condition, "", s.around[:10], loc)) > 0
				require.Equal(t, want, holds(e.Properties), "%q of %s in %s", text, e.Properties, s.zone)
				if want {
					held[condition.Op]++
				}
			}
		}
	}
	t.Log(held)
	for _, op := range []string{"=", "!=", ">", ">=", "<", "<=", "~", "in", "exists", "missing", "matches", "has", "since", "before"} {
		require.Positive(t, held[op], op)
	}
}
