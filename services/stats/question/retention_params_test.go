package question

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
)

// TestRetentionEcho: what an answer says it was asked is the same question when it is
// posted again, with the same key; the defaults of new options are not in it.
func TestRetentionEcho(t *testing.T) {
	t.Parallel()
	defaults := RetentionParams{Granularity: "week", Cohort: "first_ever", Mode: "on", Zero: "cohort", SplitParams: SplitParams{Top: 10, Other: true}}
	defaults.Timezone = "UTC"
	plain, all := defaults, defaults
	plain.StartDate, plain.EndDate = "2025-08-01", "2025-08-20"
	all.StartDate, all.EndDate, all.Mode, all.Brackets, all.Zero = "-30d", "today", "bracket", []string{"1", "3", "7"}, "returned"
	all.ReturningFilter = []string{`{"not": "event_type : view"}`}
	all.Breakdown, all.Top, all.Other, all.Total = []string{"user.plan", `{"field": "properties.price", "bins": [0, 1e1]}`}, 3, false, true
	for want, p := range map[string]RetentionParams{
		`{"start_date":"2025-08-01","end_date":"2025-08-20","granularity":"week","windows":4,"cohort":"first_ever","timezone":"UTC"}`: plain,
		`{"start_date":"2025-07-21","end_date":"2025-08-20","granularity":"week","cohort":"first_ever","returning_filter":{"not":"event_type=view"},"mode":"bracket","brackets":[1,3,7],"zero":"returned","breakdown":["user.plan",{"field":"properties.price","bins":[0,10]}],"top":3,"other":false,"total":true,"timezone":"UTC"}`: all,
	} {
		q, err := p.Question(time.Date(2025, 8, 20, 0, 0, 0, 0, time.UTC))
		require.NoError(t, err)
		text, err := json.Marshal(q)
		require.NoError(t, err)
		require.Equal(t, want, string(text))
		again := defaults
		require.NoError(t, json.Unmarshal(text, &again))
		same, err := again.Question(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
		require.NoError(t, err)
		require.Equal(t, q, same)
		require.Equal(t, Key(q), Key(same))
	}
}

// TestRetentionAfterTheClock: in mode after, rows change when what is complete reaches into
// another bucket.
func TestRetentionAfterTheClock(t *testing.T) {
	t.Parallel()
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	q := Retention{Granularity: calendar.Week, Windows: 4, Scope: Scope{Timezone: zone}}
	monday := time.Date(2025, 8, 18, 0, 0, 0, 0, time.UTC)
	now := monday.Add(time.Hour)
	keys := func() []string {
		return []string{q.ClockKey(now, monday), q.ClockKey(now, monday.Add(time.Microsecond)), q.ClockKey(now, monday.Add(time.Minute))}
	}
	plain := keys()
	require.Equal(t, plain[0], plain[1])
	q.Mode = "after"
	after := keys()
	require.NotEqual(t, after[0], after[1])
	require.Equal(t, after[1], after[2])
	require.NotEqual(t, q.ClockKey(now, now.AddDate(0, 0, 3)), q.ClockKey(now, now.AddDate(0, 0, 7)), "complete beyond now")
}
