package question_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/question"
)

// TestGeneratedFunnels asks for funnels in the words of the contract, as they are posted,
// and compares the answers with the oracle's.
func TestGeneratedFunnels(t *testing.T) {
	g := seeded(t, uint64(time.Now().UnixNano()))
	w := newWorld(t)
	seen := map[string]int{}
	rounds(t, seen, 0, []string{
		"users", "nobody", "reached 2", "reached 3", "times", "group value", "group other", "group all", "incomplete", "complete", "any", "strict", "ordered", "exclude", "unit", "first", "buckets", "fill",
	}, func(round int) {
		for i, s := range scenes {
			project := int64(round*len(scenes) + i)
			g.kinds, g.near = g.someKinds(), s.at()
			// The oracle takes minutes for the attempts of a unit with more events.
			w.scatter(t, g, project, g.events(s, 60+g.IntN(60)))
			t.Run(fmt.Sprintf("%d %s %s", round, s.zone, s.around[:10]), func(t *testing.T) {
				c := newComparison(t, g, w, s, project)
				for _, e := range c.whole {
					c.model = append(c.model, c.naive(e))
				}
				for range 30 {
					c.funnel(t, seen)
				}
			})
		}
	})
}

func (c *comparison) funnel(t *testing.T, seen map[string]int) {
	t.Helper()
	c.now = c.scene.at().Add(time.Duration(c.g.Int64N(int64(60*24*time.Hour)) - int64(10*24*time.Hour)))
	c.w.complete = c.now.Add(time.Duration(c.g.Int64N(int64(6*24*time.Hour))) - 5*24*time.Hour)
	c.snapshot = c.w.snapshot(t, c.project)
	b, f := c.g.funnel(c.scene, c.now)
	f.CompleteUntil = c.snapshot.CompleteUntil
	want := [][]any{}
	found := map[string]bool{
		f.Order: true, "exclude": len(f.Exclude) > 0, "unit": f.Unit.Source != "", "buckets": f.Interval != "all", "fill": f.Fill, "first": f.Steps[0].First, "times": b["view"] != nil,
	}
	if b["view"] != nil {
		for _, row := range f.Times(c.model) {
			want = append(want, f.TimeCells(row))
			found["group "+row.Name] = true
			found["in time"] = found["in time"] || row.Users > 0
		}
	} else {
		for _, row := range f.Rows(c.model) {
			want = append(want, f.Cells(row))
			found["group "+row.Group.Name] = true
			found[map[bool]string{true: "users", false: "nobody"}[row.Users > 0]] = true
			found[map[bool]string{true: "incomplete", false: "complete"}[row.Incomplete]] = true
			if row.Users > 0 {
				found[fmt.Sprintf("reached %d", row.Step)] = true
			}
		}
	}
	p := question.FunnelsParams{
		Window: "7d", Order: "ordered", View: "steps", Attribution: "first", Unit: "user_id", SplitParams: question.SplitParams{Top: 10, Other: true},
	}
	require.NoError(t, json.Unmarshal([]byte(b.String()), &p), "%s", b)
	q, err := p.Question(c.now)
	require.NoError(t, err, "%s", b)
	got, from, err := c.ask(t.Context(), q, c.walk(t))
	if errors.Is(err, engine.ErrUnsupported) {
		t.Logf("%s: %s", err, b)
		seen["unsupported"]++
		return
	}
	require.NoError(t, err, "%s", b)
	require.Equal(t, want, got, "%s at %s of %s", b, c.now, c.snapshot.CompleteUntil)
	c.w.answers[from+" of new questions"]++
	for what, is := range found {
		if is && len(want) > 0 {
			seen[what]++
		}
	}
}

// funnelOf asks for a funnel of a body, at some time, without an answer.
func funnelOf(t *testing.T, text string) (question.Question, error) {
	t.Helper()
	p := question.FunnelsParams{
		Window: "7d", Order: "ordered", View: "steps", Attribution: "first", Unit: "user_id", SplitParams: question.SplitParams{Top: 10, Other: true},
		FilterParams: question.FilterParams{OutputParams: question.OutputParams{Timezone: "UTC"}},
		DayParams:    question.DayParams{From: "2025-08-01", To: "2025-08-31"},
	}
	require.NoError(t, json.Unmarshal([]byte(text), &p), text)
	return p.Question(time.Date(2025, 9, 1, 0, 0, 0, 0, time.UTC))
}

func TestFunnelsRefusals(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{}`:                                  "steps: is required",
		`{"steps":["a"]}`:                     "steps: has 1 steps; 2 to 20 are allowed",
		`{"steps":["a",{"measure":"users"}]}`: "steps[1].measure: cannot be in a step: it is users that are counted",
		`{"steps":["a",{"filter":{"any":["properties.price>"]}}]}`:                                                            `steps[1].filter.any[0]: "properties.price>" has no value after ">"`,
		`{"steps":["a","b"],"window":"367d"}`:                                                                                 `window: "367d" is not between 1s and 366d`,
		`{"steps":["a","b"],"exclude":{"after":2}}`:                                                                           "exclude.after: is not the number of a step from 1 to 1",
		`{"steps":["a","b"],"order":"any","exclude":"x"}`:                                                                     "exclude: cannot be with order=any, where no step is before another",
		`{"steps":["a","b"],"view":"times","interval":"all"}`:                                                                 "interval: cannot be with view=times, which has no buckets",
		`{"steps":["a","b"],"bins":[0,60]}`:                                                                                   "bins: needs view=times",
		`{"steps":["a","b"],"view":"times","bins":[60,0]}`:                                                                    "bins[1]: is not greater than the edge before it",
		`{"steps":["a","b"],"breakdown":"event_type","attribution":3}`:                                                        `attribution: "3" is not first, last, or the number of a step from 1 to 2`,
		`{"steps":["a","b"],"attribution":"end"}`:                                                                             `attribution: "end" is not first, last, or the number of a step from 1 to 2`,
		`{"steps":["a","b"],"interval":"minute"}`:                                                                             "interval: the range has 31 days, at most 1 are allowed by minute",
		`{"steps":["a","b"],"unit":"country"}`:                                                                                `unit: "country" "country" is not event_type`,
		`{"steps":["a",{"filter":[` + strings.Repeat(`"user_id=1",`, 99) + `"user_id=1"]}],"filter":"a=1"}`:                   `filter: "a=1"`,
		`{"steps":["a",{"filter":[` + strings.Repeat(`"user_id=1",`, 99) + `"user_id=1"]}],"exclude":{"filter":"user_id=1"}}`: "exclude: there are 101 conditions together, at most 100 are allowed",
		`{"steps":[{"filter":"user_id=2"},{"filter":[` + strings.Repeat(`"user_id=1",`, 99) + `"user_id=1"]}]}`:               "steps: there are 101 conditions together",
	} {
		_, err := funnelOf(t, text)
		require.ErrorContains(t, err, want, text)
	}
}

// TestFunnelsQuery: the resolved question says every default, and posted again it is the
// same.
func TestFunnelsQuery(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"steps":["a","b","*"]}`: `{"from":"2025-08-01","to":"2025-08-31","interval":"all","week_start":"monday","steps":["a","b","*"],"window":"7d","order":"ordered","view":"steps","unit":"user_id","timezone":"UTC"}`,
		`{"steps":["a",{"event":["b","c"],"name":"B"}],"window":"48h","exclude":"x","breakdown":"event_type","attribution":"2","interval":"week"}`: `{"from":"2025-08-01","to":"2025-08-31","interval":"week","week_start":"monday","steps":["a",{"event":["b","c"],"name":"B"}],"window":"2d","order":"ordered","exclude":[{"event":"x","after":1,"before":2}],"view":"steps","attribution":2,"unit":"user_id","breakdown":["event_type"],"top":10,"other":true,"timezone":"UTC"}`,
		`{"steps":["a","b"],"view":"times","window":"1h","breakdown":"event_type","attribution":"last","order":"strict"}`:                          `{"from":"2025-08-01","to":"2025-08-31","steps":["a","b"],"window":"1h","order":"strict","view":"times","bins":[0,60,300,900,3600],"attribution":"last","unit":"user_id","breakdown":["event_type"],"top":10,"other":true,"timezone":"UTC"}`,
		`{"steps":["a","b"],"view":"times","bins":[0,1.50,2e1],"breakdown":"event_type"}`:                                                          `{"from":"2025-08-01","to":"2025-08-31","steps":["a","b"],"window":"7d","order":"ordered","view":"times","bins":[0,1.5,20],"attribution":"first","unit":"user_id","breakdown":["event_type"],"top":10,"other":true,"timezone":"UTC"}`,
	} {
		q, err := funnelOf(t, text)
		require.NoError(t, err, text)
		written, err := json.Marshal(q)
		require.NoError(t, err)
		require.Equal(t, want, string(written))
		again, err := funnelOf(t, string(written))
		require.NoError(t, err, string(written))
		require.Equal(t, q, again)
		require.Equal(t, question.Key(q), question.Key(again))
	}
}

// TestFunnelsClockKey: the key changes as long as attempts of the last bucket may get
// further, and never after.
func TestFunnelsClockKey(t *testing.T) {
	t.Parallel()
	q, err := funnelOf(t, `{"steps":["a","b"],"window":"2d","interval":"day"}`)
	require.NoError(t, err)
	key := func(until string) string {
		at, err := time.Parse(time.DateTime, until)
		require.NoError(t, err)
		return q.(question.ClockDependent).ClockKey(at.AddDate(1, 0, 0), at)
	}
	require.Empty(t, key("2025-09-03 00:00:00"), "the end of August and two days")
	require.Equal(t, key("2025-09-02 00:00:00"), key("2025-09-02 23:59:59"))
	require.NotEqual(t, key("2025-09-01 23:59:59"), key("2025-09-02 00:00:00"))
	require.NotEmpty(t, key("2025-09-02 23:59:59"))
	q, err = funnelOf(t, `{"steps":["a","b"],"view":"times"}`)
	require.NoError(t, err)
	require.Empty(t, key("2025-08-05 00:00:00"), "rows of times are never incomplete")
}
