package mapping_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/cmd/import_events/mapping"
	"eventanalytics/cmd/import_events/row"
	"eventanalytics/pkg/calendar"
)

func TestClock(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ format, zone, text, want string }{
		{"iso", "", "2025-08-01T10:00:00Z", "2025-08-01T10:00:00Z"},
		{"iso", "", "2025-08-01 10:00:00.1234567", "2025-08-01T10:00:00.123456Z"},
		{"iso", "", "2025-08-01 10:00:00.5 UTC", "2025-08-01T10:00:00.5Z"},
		{"iso", "", "2025-08-01 10:00:00+03", "2025-08-01T07:00:00Z"},
		{"iso", "", "2025-08-01T10:00:00+0545", "2025-08-01T04:15:00Z"},
		{"iso", "", "2025-08-01T10:00:00-05:00", "2025-08-01T15:00:00Z"},
		{"iso", "Europe/Kyiv", "2025-08-01 10:00:00", "2025-08-01T07:00:00Z"},
		{"iso", "Europe/Kyiv", "2025-08-01T10:00:00Z", "2025-08-01T10:00:00Z"},
		{"iso", "Europe/Kyiv", "2025-03-30 03:30:00", ""},
		{"iso", "Europe/Kyiv", "2025-10-26 03:30:00", "2025-10-26T00:30:00Z"},
		{"iso", "", "2025-08-01", ""},
		{"iso", "", "2025-02-30T10:00:00Z", ""},
		{"iso", "", "2025-08-01T25:00:00Z", ""},
		{"iso", "", "2025-08-01T10:00:00,5Z", ""},
		{"iso", "", "1754042400", ""},
		{"s", "", "1754042400", "2025-08-01T10:00:00Z"},
		{"s", "", "1754042400.1234569", "2025-08-01T10:00:00.123456Z"},
		{"s", "", "1.7540424E+09", ""},
		{"s", "", "1754042400123", ""},
		{"ms", "", "1754042400123", "2025-08-01T10:00:00.123Z"},
		{"ms", "", "1754042400123.5", "2025-08-01T10:00:00.1235Z"},
		{"us", "", "1754042400123456", "2025-08-01T10:00:00.123456Z"},
		{"µs", "", "1754042400123456", "2025-08-01T10:00:00.123456Z"},
		{"ns", "", "1754042400123456789", "2025-08-01T10:00:00.123456Z"},
		{"ms", "", "-1", "1969-12-31T23:59:59.999Z"},
		{"ms", "", "99999999999999999999", ""},
		{"%d.%m.%Y %H:%M", "", "01.08.2025 10:00", "2025-08-01T10:00:00Z"},
		{"%d.%m.%Y %H:%M", "Asia/Kathmandu", "01.08.2025 10:00", "2025-08-01T04:15:00Z"},
		{"%d.%m.%Y %H:%M", "", "2025-08-01 10:00", ""},
		{"%m/%d/%y %I:%M:%S %p", "", "08/01/25 10:00:00 PM", "2025-08-01T22:00:00Z"},
		{"%d/%b/%Y:%H:%M:%S %z", "Europe/Kyiv", "01/Aug/2025:10:00:00 +0200", "2025-08-01T08:00:00Z"},
		{"%FT%T.%f%z", "", "2025-08-01T10:00:00.25+02:00", "2025-08-01T08:00:00.25Z"},
		{"%Y-%m-%d", "America/New_York", "2025-08-01", "2025-08-01T04:00:00Z"},
	} {
		clock, err := mapping.NewClock(c.format, c.zone)
		require.NoError(t, err)
		at, err := clock.Read(row.Value{Kind: row.Bare, Text: c.text})
		if c.want == "" {
			require.Error(t, err, "%+v", c)
			require.ErrorContains(t, err, c.text[:4], "%+v", c)
			continue
		}
		require.NoError(t, err, "%+v", c)
		require.Equal(t, c.want, time.UnixMicro(at).UTC().Format(time.RFC3339Nano), "%+v", c)
	}
}

// The time of a Parquet file is an instant, whatever --time-format says.
func TestClockTakesInstants(t *testing.T) {
	t.Parallel()
	clock, err := mapping.NewClock("%d.%m.%Y", "Europe/Kyiv")
	require.NoError(t, err)
	at, err := clock.Read(row.Value{Kind: row.Time, Text: "2025-08-01T10:00:00.000001Z"})
	require.NoError(t, err)
	require.Equal(t, int64(1754042400000001), at)
}

// A zone is for date-times without an offset: numbers are instants, unless they are known
// to count what a clock showed.
func TestClocksOfExports(t *testing.T) {
	t.Parallel()
	kyiv, err := calendar.Load("Europe/Kyiv")
	require.NoError(t, err)
	for _, c := range []struct {
		kind             row.Kind
		text, any, shown string
	}{
		{row.Number, "1754042400", "10:00:00", "07:00:00"},
		{row.Bare, "1754042400123", "10:00:00.123", "07:00:00.123"},
		{row.Text, "1754042400123456", "10:00:00.123456", "07:00:00.123456"},
		{row.Text, "2025-08-01 10:00:00", "07:00:00", "07:00:00"},
		{row.Text, "2025-08-01T10:00:00Z", "10:00:00", "10:00:00"},
	} {
		for clock, want := range map[mapping.Clock]string{mapping.AnyClock(kyiv): c.any, mapping.ShownClock(kyiv): c.shown, mapping.AnyClock(nil): "10:00:00"} {
			at, err := clock.Read(row.Value{Kind: c.kind, Text: c.text})
			require.NoError(t, err)
			require.Contains(t, time.UnixMicro(at).UTC().Format(time.RFC3339Nano), want, c.text)
		}
	}
}
