package question

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func trendsOf(change func(*TrendsParams)) *TrendsParams {
	p := &TrendsParams{DayParams: DayParams{From: "2025-08-01", To: "2025-08-31"}, IntervalParams: IntervalParams{"day", WeekParams{"monday"}}, Measure: "users", SplitParams: SplitParams{Top: 10, Other: true}, Unit: "user_id"}
	p.Timezone = "Europe/Kyiv"
	p.Series = []string{"buy"}
	change(p)
	return p
}

// TestTrendsEcho: what an answer says it was asked is the same question when it is posted
// again, with the same key.
func TestTrendsEcho(t *testing.T) {
	t.Parallel()
	for _, p := range []*TrendsParams{
		trendsOf(func(*TrendsParams) {}),
		trendsOf(func(p *TrendsParams) {
			p.Series = []string{"*", `{"event": ["buy", "view"], "filter": {"any": ["properties.price >= 10.0", {"not": "event_type : view"}]}, "measure": " sum( properties.price )", "name": "Sales"}`}
			p.Formula = []string{"B / A", `{"formula": "(A+B)*100", "name": "Both"}`}
			p.Breakdown = []string{"properties.country", `{"field": "properties.price", "bins": [0, 1e1, 100.0]}`}
			p.Other, p.Top, p.Compare, p.Unit, p.Rolling = false, 3, "12mo", "properties.company_id", 7
			p.From, p.To, p.Interval, p.WeekStart, p.Fill, p.Segment = "-30d", "today", "week", "sunday", "zero", []string{"event_type : buy"}
		}),
	} {
		q, err := p.Question(time.Date(2025, 8, 20, 0, 0, 0, 0, time.UTC))
		require.NoError(t, err)
		if n := len(p.Series); n > 1 {
			require.Equal(t, "sum(properties.price)", q.(Trends).Series[1].Measure.String())
			require.Equal(t, "users", q.(Trends).Series[0].Measure.String())
		}
		text, err := json.Marshal(q)
		require.NoError(t, err)
		again := TrendsParams{Measure: "users", SplitParams: SplitParams{Top: 10, Other: true}} // the defaults of what is not in it
		require.NoError(t, json.Unmarshal(text, &again), "%s", text)
		same, err := again.Question(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
		require.NoError(t, err, "%s", text)
		require.Equal(t, q, same, "%s", text)
		require.Equal(t, Key(q), Key(same), "%s", text)
	}
}

// TestTrendsRefusals: a refusal names the place.
func TestTrendsRefusals(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*TrendsParams){
		"series":                  func(p *TrendsParams) { p.Series = nil },
		"series[1].filter.any[0]": func(p *TrendsParams) { p.Series = []string{"buy", `{"filter": {"any": ["properties.price>"]}}`} },
		"series[0].rolling":       func(p *TrendsParams) { p.Rolling, p.Interval = 7, "all" },
		"rolling":                 func(p *TrendsParams) { p.Rolling, p.Cumulative = 7, true },
		"measure":                 func(p *TrendsParams) { p.Measure = "sum" },
		"unit":                    func(p *TrendsParams) { p.Unit = "country" },
		"breakdown[1]":            func(p *TrendsParams) { p.Breakdown = []string{"event_type", "event_type"} },
		"compare":                 func(p *TrendsParams) { p.Compare = "last month" },
		"interval":                func(p *TrendsParams) { p.Interval = "minute" },
		"from":                    func(p *TrendsParams) { p.From = "lately" },
	} {
		_, err := trendsOf(change).Question(time.Now())
		var wrong *ParamError
		require.ErrorAs(t, err, &wrong, name)
		require.Equal(t, name, wrong.Name, "%s", err)
	}
}
