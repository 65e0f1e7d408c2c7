package walk

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/services/stats/engine"
)

// TestTimeline: buckets by table are those of the calendar, also where it is odd.
func TestTimeline(t *testing.T) {
	t.Parallel()
	for name, around := range map[string]string{
		"UTC": "2025-03-01T00:00:00Z", "America/New_York": "2025-11-02T06:00:00Z", "America/St_Johns": "2006-10-29T02:31:00Z",
		"Pacific/Apia": "2011-12-30T10:00:00Z", "Australia/Lord_Howe": "2025-04-05T15:00:00Z", "Africa/Monrovia": "1972-01-07T00:44:30Z",
		"Asia/Kathmandu": "1970-01-02T00:00:00Z",
	} {
		zone, err := calendar.Load(name)
		require.NoError(t, err)
		at, err := time.Parse(time.RFC3339, around)
		require.NoError(t, err)
		clock := newClock(zone)
		for _, unit := range []calendar.Unit{
			engine.Whole, calendar.Minute, calendar.Hour, calendar.Day, calendar.Week, calendar.SundayWeek, calendar.SaturdayWeek, calendar.Month, calendar.Quarter, calendar.Year,
		} {
			r := engine.Range{From: zone.Date(at.UnixMicro()) - 2, To: zone.Date(at.UnixMicro()) + 1}
			p, exists := r.Period(zone)
			require.True(t, exists)
			line := newTimeline(p, unit)
			require.IsIncreasing(t, append([]int64{-1 << 40}, line.buckets...))
			for range 3000 {
				us := p.From - dayMicros + rand.Int64N(p.To-p.From+dayMicros)
				if rand.IntN(3) == 0 {
					us = min(p.To-1, at.UnixMicro()+rand.Int64N(4*hourMicros)-2*hourMicros)
				}
				date := zone.Date(us)
				bucket := line.at(us)
				switch {
				case us < p.From || date < p.First:
					require.Equal(t, earlier, bucket)
				case date > p.Last:
					require.Equal(t, outside, bucket)
				case unit == engine.Whole:
					require.Equal(t, 0, bucket)
				case unit.OfInstants():
					require.Equal(t, zone.BeginOf(unit, us), line.buckets[bucket], "%s %s", unit, zone.Format(us))
				default:
					require.Equal(t, int64(unit.Floor(date)), line.buckets[bucket])
				}
				text, err := time.Parse(time.RFC3339Nano, zone.Format(us))
				require.NoError(t, err)
				if _, offset := text.Zone(); offset%60 == 0 && name != "Africa/Monrovia" {
					require.Equal(t, text.Hour(), clock.hour(us))
					require.Equal(t, (int(text.Weekday())+6)%7+1, clock.weekday(us))
				}
			}
		}
	}
}
