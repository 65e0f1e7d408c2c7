package question

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func sessionsOf(change func(*SessionsParams)) *SessionsParams {
	p := &SessionsParams{IntervalParams: IntervalParams{"day", WeekParams{}}, GapParams: GapParams{"30min"}, UnitParams: UnitParams{"user_id"}, SplitParams: SplitParams{Top: 10, Other: true}}
	p.Timezone, p.From, p.To = "UTC", "2025-08-01", "2025-08-31"
	change(p)
	return p
}

func pathsOf(change func(*PathsParams)) *PathsParams {
	p := &PathsParams{Node: "event_type", Steps: 5, Within: "session", GapParams: GapParams{"30min"}, UnitParams: UnitParams{"user_id"}, Top: 10}
	p.Timezone, p.From, p.To = "UTC", "2025-08-01", "2025-08-31"
	change(p)
	return p
}

// TestSessionsEcho: what an answer says it was asked is the same question when it is
// posted again, with the same key.
func TestSessionsEcho(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]*SessionsParams{
		`{"from":"2025-08-01","to":"2025-08-31","interval":"day","week_start":"monday","gap":"30min","unit":"user_id","timezone":"UTC"}`: sessionsOf(func(*SessionsParams) {}),
		`{"from":"2025-07-21","to":"2025-08-20","interval":"week","week_start":"sunday","gap":"1d","unit":"user_id","breakdown":["entry.properties.page",{"field":"exit.time.hour","bins":[6,12]}],"top":3,"other":false,"total":true,"timezone":"UTC","fill":"zero","filter":["exit.event_type=buy","properties.a:exists"]}`: sessionsOf(func(p *SessionsParams) {
			p.From, p.To, p.Interval, p.WeekStart, p.Gap, p.Fill = "-30d", "today", "week", "sunday", "1440min", "zero"
			p.Breakdown, p.Top, p.Other, p.Total = []string{"entry.properties.page", `{"field": "exit.time.hour", "bins": [6, 12.0]}`}, 3, false, true
			p.Filter = []string{"exit.event_type : buy", "properties.a exists"}
		}),
	} {
		q, err := p.Question(time.Date(2025, 8, 20, 0, 0, 0, 0, time.UTC))
		require.NoError(t, err)
		text, err := json.Marshal(q)
		require.NoError(t, err)
		require.Equal(t, want, string(text))
		again := SessionsParams{SplitParams: SplitParams{Top: 10, Other: true}}
		require.NoError(t, json.Unmarshal(text, &again))
		same, err := again.Question(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
		require.NoError(t, err)
		require.Equal(t, q, same)
		require.Equal(t, Key(q), Key(same))
	}
}

func TestPathsEcho(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]*PathsParams{
		`{"from":"2025-08-01","to":"2025-08-31","node":"event_type","steps":5,"within":"session","gap":"30min","unit":"user_id","top":10,"repeats":false,"timezone":"UTC"}`: pathsOf(func(*PathsParams) {}),
		`{"from":"2025-08-01","to":"2025-08-31","node":"properties.page","steps":20,"start":"*","end":{"event":["buy","renew"],"filter":"properties.price\u003e=10","first":true},"within":"7d","gap":"1min","unit":"properties.order_id","top":100,"repeats":true,"timezone":"UTC"}`: pathsOf(func(p *PathsParams) {
			p.Node, p.Steps, p.Within, p.Gap, p.Unit, p.Top, p.Repeats = "properties.page", 20, "168h", "60s", "properties.order_id", 100, true
			p.Start, p.End = "*", `{"event": ["buy", "renew"], "filter": "properties.price >= 10", "first": true}`
		}),
	} {
		q, err := p.Question(time.Date(2025, 8, 20, 0, 0, 0, 0, time.UTC))
		require.NoError(t, err)
		text, err := json.Marshal(q)
		require.NoError(t, err)
		require.Equal(t, want, string(text))
		again := PathsParams{}
		require.NoError(t, json.Unmarshal(text, &again))
		same, err := again.Question(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
		require.NoError(t, err)
		require.Equal(t, q, same)
		require.Equal(t, Key(q), Key(same))
	}
}

// TestSessionsRefusals: a refusal names the place.
func TestSessionsRefusals(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]Params{
		"gap":               sessionsOf(func(p *SessionsParams) { p.Gap = "24h1s" }),
		"interval":          sessionsOf(func(p *SessionsParams) { p.Interval = "hour"; p.To = "2025-12-31" }),
		"breakdown[1]":      sessionsOf(func(p *SessionsParams) { p.Breakdown = []string{"entry.user_id", "entry.user_id"} }),
		"unit":              sessionsOf(func(p *SessionsParams) { p.Unit = "entry.user_id" }),
		"filter.not":        sessionsOf(func(p *SessionsParams) { p.Filter = []string{`{"not": "entry.entry.user_id=1"}`} }),
		"within":            pathsOf(func(p *PathsParams) { p.Within = "0s" }),
		"start.rolling":     pathsOf(func(p *PathsParams) { p.Start = `{"event": "a", "rolling": 2}` }),
		"end.filter.any[0]": pathsOf(func(p *PathsParams) { p.End = `{"filter": {"any": ["entry.user_id=1"]}}` }),
		"node":              pathsOf(func(p *PathsParams) { p.Node = "exit.event_type" }),
	} {
		_, err := p.Question(time.Now())
		var wrong *ParamError
		require.ErrorAs(t, err, &wrong, name)
		require.Equal(t, name, wrong.Name, "%s", err)
	}
}
