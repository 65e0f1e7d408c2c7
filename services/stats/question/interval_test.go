package question

import (
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
)

// TestPeriodOfDateShownTwice: where clocks go back over midnight, the minutes of the day
// before that come again lie between those of the date: they count in windows, and have
// no rows.
func TestPeriodOfDateShownTwice(t *testing.T) {
	t.Parallel()
	zone, err := calendar.Load("America/St_Johns") // 00:01 became 23:01
	require.NoError(t, err)
	date, err := calendar.ParseDate("2006-10-29")
	require.NoError(t, err)
	p := periodOf(buckets{Days: Days{date, date}, zone: zone, unit: calendar.Minute}, 2)
	require.Len(t, p.list, 2+1+59+24*60)
	require.Equal(t, []int{-1, -1, 0, -1}, p.asked[:4])
	require.Equal(t, []int{-1, 1, 2}, p.asked[61:64])
	require.Equal(t, "2006-10-29T00:00:00-02:30", zone.Format(p.list[2]))
	require.Equal(t, "2006-10-28T23:59:00-03:30", zone.Format(p.list[61]))
	require.Equal(t, "2006-10-29T00:00:00-03:30", zone.Format(p.list[62]))
}
