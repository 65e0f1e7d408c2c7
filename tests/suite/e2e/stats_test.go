package e2e

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/oracle"
	"eventanalytics/tests/harness/api"
)

// retentionRow is a row of /api/stats/retention of any granularity.
type retentionRow struct {
	CohortWeek  string  `json:"cohort_week"`
	CohortDay   string  `json:"cohort_day"`
	CohortMonth string  `json:"cohort_month"`
	Week        int     `json:"week_number"`
	Day         int     `json:"day_number"`
	Month       int     `json:"month_number"`
	Size        int     `json:"cohort_size"`
	Retained    int     `json:"retained_users"`
	Rate        float64 `json:"retention_rate"`
	Incomplete  bool    `json:"incomplete"`
}

// agree compares the three metrics of a project, which holds exactly events,
// with the oracle, in several zones and forms.
func agree(t *testing.T, c *caller, position string, events []oracle.Event) {
	t.Helper()
	const from, to = "2025-07-31", "2025-08-31"
	for _, name := range []string{"UTC", "Europe/Kyiv", "Asia/Kathmandu", "America/St_Johns"} {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		require.Equal(t, oracle.DAU(events, from, to, zone),
			api.Rows[oracle.DayUsers](t, c, position, "/api/stats/dau", "from", from, "to", to, "timezone", name), name)
		for _, limit := range []int{3, 1000} {
			require.Equal(t, oracle.TopEvents(events, from, to, zone, limit),
				api.Rows[oracle.TypeCount](t, c, position, "/api/stats/top-events", "from", from, "to", to, "timezone", name, "limit", strconv.Itoa(limit)), name)
		}
		retentionAgrees(t, c, position, events, oracle.Retention{Start: from, End: to, Windows: 5, Granularity: "week", Zone: zone}, name)
	}
	for _, q := range []oracle.Retention{
		{Windows: 52, Granularity: "week"},
		{Windows: 31, Granularity: "day"},
		{Windows: 2, Granularity: "month"},
		{Windows: 4, Granularity: "week", InPeriod: true},
		{Windows: 4, Granularity: "day", Founding: "login", Returning: "purchase"},
	} {
		q.Start, q.End, q.Zone = "2025-08-06", "2025-08-20", time.UTC
		retentionAgrees(t, c, position, events, q, "UTC")
	}
}

func retentionAgrees(t *testing.T, c *caller, position string, events []oracle.Event, q oracle.Retention, zone string) {
	t.Helper()
	query := []string{
		"start_date", q.Start, "end_date", q.End, "windows", strconv.Itoa(q.Windows),
		"granularity", q.Granularity, "timezone", zone,
	}
	if q.InPeriod {
		query = append(query, "cohort", "in_period")
	}
	if q.Founding != "" {
		query = append(query, "event_type", q.Founding, "returning_event_type", q.Returning)
	}
	q.Now = time.Now()
	var want []retentionRow
	for _, r := range q.Rows(events) {
		row := retentionRow{Size: r.Size, Retained: r.Retained, Rate: r.Rate, Incomplete: r.Incomplete}
		switch q.Granularity {
		case "week":
			row.CohortWeek, row.Week = r.Cohort, r.Window
		case "day":
			row.CohortDay, row.Day = r.Cohort, r.Window
		case "month":
			row.CohortMonth, row.Month = r.Cohort, r.Window
		}
		want = append(want, row)
	}
	require.NotEmpty(t, want)
	require.Equal(t, want, api.Rows[retentionRow](t, c, position, "/api/stats/retention", query...), "%+v", q)
}

// latest returns the ids of a project's newest events, at most 1,000.
func latest(t *testing.T, c *caller, position string) []string {
	t.Helper()
	ids := []string{}
	for _, e := range api.Rows[storedEvent](t, c, position, "/api/stats/events/latest", "limit", "1000") {
		ids = append(ids, e.ID)
	}
	return ids
}

// storedEvent is an event as the service gives it back.
type storedEvent struct {
	ID         string          `json:"event_id"`
	OccurredAt string          `json:"occurred_at"`
	UserID     string          `json:"user_id"`
	Type       string          `json:"event_type"`
	Properties json.RawMessage `json:"properties"`
}
