package question

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRelativeDays: days relative to today become dates on a clock of the time zone, and
// what looks like one but is none is refused by the name that it was given.
func TestRelativeDays(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, 3, 31, 22, 30, 0, 0, time.UTC) // in Kathmandu it is 1 April
	ask := func(zone, from, to string) (Question, error) {
		p := DAUParams{DayParams: DayParams{From: from, To: to}}
		p.Timezone = zone
		return p.Question(now)
	}
	for _, c := range []struct{ zone, from, to, wantFrom, wantTo string }{
		{"UTC", "yesterday", "today", "2025-03-30", "2025-03-31"},
		{"Asia/Kathmandu", "yesterday", "today", "2025-03-31", "2025-04-01"},
		{"UTC", "-7d", "-1d", "2025-03-24", "2025-03-30"},
		{"UTC", "-4w", "2025-03-03", "2025-03-03", "2025-03-03"},
		{"UTC", "-1mo", "today", "2025-02-28", "2025-03-31"},
		{"UTC", "-13mo", "-1y", "2024-02-29", "2024-03-31"},
	} {
		q, err := ask(c.zone, c.from, c.to)
		require.NoError(t, err, "%s…%s", c.from, c.to)
		require.Equal(t, c.wantFrom+" "+c.wantTo, q.(DAU).From.String()+" "+q.(DAU).To.String(), "%s…%s", c.from, c.to)
	}
	for _, text := range []string{"-0d", "-07d", "-7", "-7m", "7d", "+7d", "--7d", "-7days", "-d", "-10000d", "-9999y", "tomorrow", "Today", "now", "-1.5d", "- 7d", "-7d "} {
		_, err := ask("UTC", text, "today")
		var wrong *ParamError
		require.ErrorAs(t, err, &wrong, text)
		require.Equal(t, "from", wrong.Name, text)
	}
	_, err := ask("UTC", "today", "-1d")
	require.EqualError(t, err, "from: 2025-03-31 is after to, 2025-03-30")
}

// TestCompared: a range is moved back by its length, or by calendar months.
func TestCompared(t *testing.T) {
	t.Parallel()
	days := func(from, to string) Days {
		d, err := parseDays(param{"from", from}, param{"to", to}, 0)
		require.NoError(t, err)
		return d
	}
	for _, c := range []struct{ compare, from, to string }{
		{"previous", "2025-02-28", "2025-03-29"}, {"30d", "2025-02-28", "2025-03-29"}, {"4w", "2025-03-02", "2025-03-31"},
		{"1mo", "2025-02-28", "2025-03-28"}, {"12mo", "2024-03-30", "2024-04-28"}, {"1y", "2024-03-30", "2024-04-28"},
	} {
		q := Trends{Days: days("2025-03-30", "2025-04-28"), Compare: c.compare}
		require.Equal(t, days(c.from, c.to), q.compared(), c.compare)
	}
}
