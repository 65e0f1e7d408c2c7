package calendar

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	// Package time reads the same tz database, for comparison.
	if err := os.Setenv("ZONEINFO", "zoneinfo.zip"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

var zones = []string{
	"UTC", "America/New_York", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia",
	"Australia/Lord_Howe", "Africa/Casablanca", "Africa/Monrovia", "Pacific/Kwajalein", "Europe/Dublin",
}

func zone(t *testing.T, name string) *Zone {
	t.Helper()
	z, err := Load(name)
	require.NoError(t, err)
	return z
}

func date(t *testing.T, s string) Date {
	t.Helper()
	d, err := ParseDate(s)
	require.NoError(t, err)
	return d
}

func us(t *testing.T, s string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	require.NoError(t, err)
	return at.UnixMicro()
}

func TestLoadKnowsIANANamesOnly(t *testing.T) {
	t.Parallel()
	for _, name := range zones {
		require.Equal(t, name, zone(t, name).String())
	}
	for _, name := range []string{
		"", "Local", "Mars/Olympus", "+25:00", "+03:00", "../../etc/passwd", "/etc/localtime", "utc", "Europe", "Europe/", "Europe/Kyiv\x00",
	} {
		_, err := Load(name)
		require.ErrorIs(t, err, ErrUnknownZone, name)
	}
}

func TestFloorDiv(t *testing.T) {
	t.Parallel()
	for a, want := range map[int64]int64{-61: -2, -60: -1, -59: -1, -1: -1, 0: 0, 1: 0, 59: 0, 60: 1, 119: 1} {
		require.Equal(t, want, FloorDiv(a, 60), a)
	}
}

func TestParseDate(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"0001-01-01", "1969-12-31", "1970-01-01", "2024-02-29", "9999-12-31"} {
		require.Equal(t, s, date(t, s).String())
	}
	require.Equal(t, Date(0), date(t, "1970-01-01"))
	require.Equal(t, Date(-1), date(t, "1969-12-31"))
	for _, s := range []string{"", "2025-13-01", "2025-02-29", "2025-1-1", "20250101", "0000-01-01", "10000-01-01", "2025-01-01T00:00:00Z", " 2025-01-01"} {
		_, err := ParseDate(s)
		require.Error(t, err, s)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	type both struct {
		Day  Date
		Zone *Zone
	}
	text, err := json.Marshal(both{date(t, "1969-12-31"), zone(t, "Asia/Kathmandu")})
	require.NoError(t, err)
	require.JSONEq(t, `{"Day":"1969-12-31","Zone":"Asia/Kathmandu"}`, string(text))
	var back both
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, both{-1, zone(t, "Asia/Kathmandu")}, back)
	require.Error(t, json.Unmarshal([]byte(`{"Day":"yesterday"}`), &back))
	require.ErrorIs(t, json.Unmarshal([]byte(`{"Zone":"Local"}`), &back), ErrUnknownZone)
}

func TestAddMonths(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		day, want string
		n         int
	}{
		{"2025-01-31", "2025-02-28", 1}, {"2024-01-31", "2024-02-29", 1}, {"2025-03-31", "2025-02-28", -1},
		{"2025-03-31", "2024-11-30", -4}, {"2024-02-29", "2023-02-28", -12}, {"2025-08-03", "2025-08-03", 0}, {"2025-12-15", "2026-01-15", 1},
	} {
		require.Equal(t, c.want, date(t, c.day).AddMonths(c.n).String(), "%s %d", c.day, c.n)
	}
}

func TestUnits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		unit            Unit
		day, floor, add string
		n               int
	}{
		{Day, "2025-08-03", "2025-08-03", "2025-08-05", 2},
		{Week, "2025-08-03", "2025-07-28", "2025-08-11", 2}, // a Sunday
		{Week, "2025-08-04", "2025-08-04", "2025-08-11", 1}, // a Monday
		{Week, "1970-01-01", "1969-12-29", "1970-01-05", 1},
		{Week, "1969-12-28", "1969-12-22", "1969-12-29", 1},
		{Month, "2025-01-31", "2025-01-01", "2026-02-01", 13},
		{Month, "1969-12-31", "1969-12-01", "1970-01-01", 1},
		{SundayWeek, "2025-08-03", "2025-08-03", "2025-08-17", 2}, // a Sunday
		{SundayWeek, "2025-08-02", "2025-07-27", "2025-08-03", 1},
		{SundayWeek, "1970-01-01", "1969-12-28", "1969-12-21", -1},
		{SaturdayWeek, "2025-08-03", "2025-08-02", "2025-08-16", 2},
		{SaturdayWeek, "2025-08-01", "2025-07-26", "2025-08-02", 1},
		{SaturdayWeek, "1969-12-26", "1969-12-20", "1969-12-27", 1},
		{Quarter, "2025-03-31", "2025-01-01", "2025-10-01", 3},
		{Quarter, "2025-12-31", "2025-10-01", "2025-04-01", -2},
		{Quarter, "1969-11-02", "1969-10-01", "1970-01-01", 1},
		{Year, "2024-12-31", "2024-01-01", "2027-01-01", 3},
		{Year, "1970-01-01", "1970-01-01", "1969-01-01", -1},
	} {
		floor := c.unit.Floor(date(t, c.day))
		require.Equal(t, c.floor, floor.String())
		require.Equal(t, c.add, c.unit.Add(floor, c.n).String())
	}
}

// Buckets of dates follow one another without a gap: each begins with its own floor, on
// the weekday or month that its unit says.
func TestUnitsFollowOneAnother(t *testing.T) {
	t.Parallel()
	begins := map[Unit]func(time.Time) bool{
		Day:          func(time.Time) bool { return true },
		Week:         func(d time.Time) bool { return d.Weekday() == time.Monday },
		SundayWeek:   func(d time.Time) bool { return d.Weekday() == time.Sunday },
		SaturdayWeek: func(d time.Time) bool { return d.Weekday() == time.Saturday },
		Month:        func(d time.Time) bool { return d.Day() == 1 },
		Quarter:      func(d time.Time) bool { return d.Day() == 1 && d.Month()%3 == 1 },
		Year:         func(d time.Time) bool { return d.YearDay() == 1 },
	}
	for unit, begin := range begins {
		first := unit.Floor(-800)
		for d := first; d < 800; d++ {
			if begin(d.Time()) && d != first {
				require.Equal(t, d, unit.Add(first, 1), "%s %s", unit, d)
				require.Equal(t, first, unit.Add(d, -1), "%s %s", unit, d)
				first = d
			}
			require.Equal(t, first, unit.Floor(d), "%s %s", unit, d)
		}
		require.False(t, unit.OfInstants())
	}
	require.True(t, Minute.OfInstants())
	require.True(t, Hour.OfInstants())
}

// TestSpans compares offsets with package time, at random instants and at both
// ends of each span.
func TestSpans(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	for _, name := range zones {
		z := zone(t, name)
		loc, err := time.LoadLocation(name)
		require.NoError(t, err)
		for range 50 {
			from := r.Int64N(70*365*day) - 10*365*day
			to := from + 1 + r.Int64N(4000*day)
			spans := z.Spans(from, to)
			require.Equal(t, from, spans[0].Start)
			require.Equal(t, to, spans[len(spans)-1].End)
			for i, s := range spans {
				if i > 0 {
					require.Equal(t, spans[i-1].End, s.Start)
					require.NotEqual(t, spans[i-1].Offset, s.Offset)
				}
				for _, at := range []int64{s.Start, s.End - 1, s.Start + r.Int64N(s.End-s.Start)} {
					local := time.UnixMicro(at).In(loc)
					_, seconds := local.Zone()
					require.Equal(t, int64(seconds)*second, s.Offset)
					require.Equal(t, local.Format(time.DateOnly), z.Date(at).String())
				}
			}
		}
	}
	require.Empty(t, zone(t, "UTC").Spans(5, 5))
}

func TestBounds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, first, last, from, to string }{
		{"UTC", "2025-08-01", "2025-08-31", "2025-08-01T00:00:00Z", "2025-09-01T00:00:00Z"},
		{"Asia/Kathmandu", "2025-08-01", "2025-08-01", "2025-07-31T18:15:00Z", "2025-08-01T18:15:00Z"},
		{"America/New_York", "2025-03-09", "2025-03-09", "2025-03-09T05:00:00Z", "2025-03-10T04:00:00Z"}, // 23 hours
		{"America/New_York", "2025-11-02", "2025-11-02", "2025-11-02T04:00:00Z", "2025-11-03T05:00:00Z"}, // 25 hours
		{"America/New_York", "2024-12-31", "2024-12-31", "2024-12-31T05:00:00Z", "2025-01-01T05:00:00Z"}, // day 366
		{"Pacific/Apia", "2011-12-29", "2011-12-29", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"},
		{"Pacific/Apia", "2011-12-31", "2011-12-31", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"},
		{"Pacific/Apia", "2011-12-30", "2011-12-31", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"},
		// Clocks show the 29th for a minute, then the 28th again: the bounds overlap.
		{"America/St_Johns", "2006-10-28", "2006-10-28", "2006-10-28T02:30:00Z", "2006-10-29T03:30:00Z"},
		{"America/St_Johns", "2006-10-29", "2006-10-29", "2006-10-29T02:30:00Z", "2006-10-30T03:30:00Z"},
	} {
		from, to, exists := zone(t, c.zone).Bounds(date(t, c.first), date(t, c.last))
		require.True(t, exists)
		require.Equal(t, us(t, c.from), from, "%s %s", c.zone, c.first)
		require.Equal(t, us(t, c.to), to, "%s %s", c.zone, c.first)
	}
	_, _, exists := zone(t, "Pacific/Apia").Bounds(date(t, "2011-12-30"), date(t, "2011-12-30"))
	require.False(t, exists)
}

func TestMidnight(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, day, want string }{
		{"UTC", "2025-08-01", "2025-08-01T00:00:00Z"},
		{"Asia/Kathmandu", "2025-08-01", "2025-07-31T18:15:00Z"},
		{"America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"}, // clocks go from 0:00 to 1:00
		{"America/St_Johns", "2006-10-29", "2006-10-29T02:30:00Z"},  // and here from 0:01 back to 23:01
		{"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"},      // skipped
		{"Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"},
	} {
		require.Equal(t, us(t, c.want), zone(t, c.zone).Midnight(date(t, c.day)), "%s %s", c.zone, c.day)
	}
}

func TestDatesLeaveOutTheDayThatNeverWas(t *testing.T) {
	t.Parallel()
	list := func(zoneName string, unit Unit, first, last string) string {
		var all []string
		for _, d := range zone(t, zoneName).Dates(unit, date(t, first), date(t, last)) {
			all = append(all, d.String())
		}
		return strings.Join(all, " ")
	}
	require.Equal(t, "2011-12-29 2011-12-31 2012-01-01", list("Pacific/Apia", Day, "2011-12-29", "2012-01-01"))
	require.Equal(t, "2011-12-29 2011-12-30 2011-12-31", list("UTC", Day, "2011-12-29", "2011-12-31"))
	require.Equal(t, "2011-12-26 2012-01-02", list("Pacific/Apia", Week, "2011-12-30", "2012-01-02"))
	require.Equal(t, "2011-12-01 2012-01-01", list("Pacific/Apia", Month, "2011-12-30", "2012-01-02"))
	require.Equal(t, "2011-12-25 2012-01-01", list("Pacific/Apia", SundayWeek, "2011-12-30", "2012-01-02"))
	require.Equal(t, "2011-12-31", list("Pacific/Apia", SaturdayWeek, "2011-12-30", "2012-01-02"))
	require.Equal(t, "2011-10-01 2012-01-01", list("Pacific/Apia", Quarter, "2011-12-30", "2012-01-02"))
	require.Equal(t, "2011-01-01 2012-01-01", list("Pacific/Apia", Year, "2011-12-30", "2012-01-02"))
	for _, unit := range []Unit{Day, Week, SundayWeek, SaturdayWeek, Month, Quarter, Year} {
		require.Empty(t, list("Pacific/Apia", unit, "2011-12-30", "2011-12-30"), unit)
	}
}

// TestDatesExist: the listed days are those that have bounds, in any range.
func TestDatesExist(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(9, 9))
	for _, name := range zones {
		z := zone(t, name)
		for range 20 {
			first := Date(r.IntN(60*365) - 5*365)
			last := first + Date(r.IntN(500))
			var want []Date
			for d := first; d <= last; d++ {
				if _, _, exists := z.Bounds(d, d); exists {
					want = append(want, d)
				}
			}
			require.Equal(t, want, z.Dates(Day, first, last), "%s %s…%s", name, first, last)
		}
	}
	require.Empty(t, zone(t, "Pacific/Apia").Dates(Day, date(t, "2011-12-30"), date(t, "2011-12-30")))
	require.Empty(t, zone(t, "UTC").Dates(Day, 5, 4))
}

func TestHours(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		zone, day string
		count     int
		some      []string // consecutive
	}{
		{"UTC", "2025-08-01", 24, []string{"2025-08-01T00:00:00Z", "2025-08-01T01:00:00Z"}},
		{"Asia/Kathmandu", "2025-08-01", 24, []string{"2025-08-01T00:00:00+05:45"}},
		{"America/New_York", "2025-03-09", 23, []string{"2025-03-09T01:00:00-05:00", "2025-03-09T03:00:00-04:00"}},
		{"America/New_York", "2025-11-02", 25, []string{"2025-11-02T01:00:00-04:00", "2025-11-02T01:00:00-05:00", "2025-11-02T02:00:00-05:00"}},
		{"Australia/Lord_Howe", "2025-10-05", 24, []string{"2025-10-05T01:00:00+10:30", "2025-10-05T02:30:00+11:00", "2025-10-05T03:00:00+11:00"}},
		{"Australia/Lord_Howe", "2025-04-06", 25, []string{"2025-04-06T01:00:00+11:00", "2025-04-06T01:30:00+10:30", "2025-04-06T02:00:00+10:30"}},
		{"America/St_Johns", "2010-03-14", 24, []string{"2010-03-14T00:00:00-03:30", "2010-03-14T01:01:00-02:30", "2010-03-14T02:00:00-02:30"}},
		{"Pacific/Apia", "2011-12-30", 0, nil},
	} {
		z := zone(t, c.zone)
		hours := z.Begins(Hour, date(t, c.day), date(t, c.day))
		var labels []string
		for _, h := range hours {
			labels = append(labels, z.Format(h))
		}
		require.Len(t, labels, c.count, "%s %s: %v", c.zone, c.day, labels)
		require.Contains(t, " "+strings.Join(labels, " ")+" ", " "+strings.Join(c.some, " ")+" ")
	}
}

func TestMinutes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		zone, day string
		count     int
	}{
		{"UTC", "2025-08-01", 1440},
		{"America/New_York", "2025-03-09", 1380},
		{"America/New_York", "2025-11-02", 1500},
		{"Australia/Lord_Howe", "2025-04-06", 1470},
		{"Pacific/Apia", "2011-12-30", 0},
		{"Africa/Monrovia", "1972-01-07", 1396}, // clocks of 44:30 behind were moved to UTC: 23 h 15 min 30 s
	} {
		z := zone(t, c.zone)
		require.Len(t, z.Begins(Minute, date(t, c.day), date(t, c.day)), c.count, "%s %s", c.zone, c.day)
	}
	z := zone(t, "Asia/Kathmandu")
	at := us(t, "2025-08-01T18:15:59.999999Z")
	require.Equal(t, "2025-08-02T00:00:00+05:45", z.Format(z.BeginOf(Minute, at)))
	require.Equal(t, "2025-08-02T00:01:00+05:45", z.Format(z.EndOf(Minute, z.BeginOf(Minute, at))))
}

// TestBeginsHoldTheirInstants: every instant of a range is in a listed minute and hour,
// and the name of each parses as RFC 3339 to its instant.
func TestBeginsHoldTheirInstants(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(8, 8))
	for _, name := range zones {
		z := zone(t, name)
		for i := range 22 {
			unit, days := Hour, 400
			if i >= 20 {
				unit, days = Minute, 3
			}
			first := Date(r.IntN(60 * 365))
			last := first + Date(r.IntN(days))
			listed := map[int64]bool{}
			for _, h := range z.Begins(unit, first, last) {
				listed[h] = true
				at, err := time.Parse(time.RFC3339, z.Format(h))
				require.NoError(t, err)
				require.Equal(t, h, at.UnixMicro())
			}
			from, to, _ := z.Bounds(first, last)
			for range 50 {
				at := from + r.Int64N(to-from)
				if d := z.Date(at); d >= first && d <= last {
					require.True(t, listed[z.BeginOf(unit, at)], "%s %s", name, z.Format(at))
				}
			}
		}
	}
}

// TestBeginsOfAllZones looks at every zone wherever its clock is moved: an hour bucket
// begins with its label, lasts until the hour ends or the clock is moved, and the
// buckets of the days around leave nothing out. So do minutes.
func TestBeginsOfAllZones(t *testing.T) {
	t.Parallel()
	names, err := files()
	require.NoError(t, err)
	from, to := us(t, "1970-01-01T00:00:00Z"), us(t, "2040-01-01T00:00:00Z")
	r := rand.New(rand.NewPCG(8, 8))
	moved := 0
	for name := range names {
		z, err := Load(name)
		require.NoError(t, err)
		for _, span := range z.Spans(from, to) {
			moved++
			for range 4 {
				checkBegin(t, z, Hour, span.Start+r.Int64N(4*hour)-2*hour)
				checkBegin(t, z, Minute, span.Start+r.Int64N(4*minute)-2*minute)
			}
			first := z.Date(span.Start) - 1
			hours := z.Begins(Hour, first, first+2)
			for i, begin := range hours {
				if z.BeginOf(Hour, begin) != begin || i > 0 && hours[i-1] >= begin {
					t.Fatal(name, z.Format(begin))
				}
				if next := z.EndOf(Hour, begin); z.Date(next) >= first && z.Date(next) <= first+2 && !slices.Contains(hours, next) {
					t.Fatal(name, z.Format(begin), z.Format(next))
				}
			}
		}
	}
	require.Greater(t, moved, 20_000)
}

// checkBegin checks the bucket of an instant.
func checkBegin(t *testing.T, z *Zone, unit Unit, at int64) {
	t.Helper()
	begin := z.BeginOf(unit, at)
	end := z.EndOf(unit, begin)
	label, err := time.Parse(time.RFC3339Nano, z.Format(begin))
	require.NoError(t, err)
	length := lengths[unit]
	if label.UnixMicro() != begin || begin > at || at >= end || end-begin > length ||
		z.BeginOf(unit, begin) != begin || z.BeginOf(unit, end-1) != begin || z.BeginOf(unit, end) != end ||
		z.offset(begin) != z.offset(end-1) || FloorDiv(begin+z.offset(begin), length) != FloorDiv(end-1+z.offset(begin), length) {
		t.Fatal(z, unit, z.Format(at), z.Format(begin))
	}
}

func TestInstants(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		zone, local string
		want        []string
	}{
		{"UTC", "2025-03-30T03:30:00Z", []string{"2025-03-30T03:30:00Z"}},
		{"Europe/Kyiv", "2025-08-01T00:00:00.000001Z", []string{"2025-07-31T21:00:00.000001Z"}},
		{"Europe/Kyiv", "2025-03-30T03:30:00Z", nil},
		{"Europe/Kyiv", "2025-03-30T02:59:59.999999Z", []string{"2025-03-30T00:59:59.999999Z"}},
		{"Europe/Kyiv", "2025-03-30T04:00:00Z", []string{"2025-03-30T01:00:00Z"}},
		{"Europe/Kyiv", "2025-10-26T03:30:00Z", []string{"2025-10-26T00:30:00Z", "2025-10-26T01:30:00Z"}},
		{"Europe/Kyiv", "2025-10-26T04:00:00Z", []string{"2025-10-26T02:00:00Z"}},
		{"Australia/Lord_Howe", "2025-04-06T01:45:00Z", []string{"2025-04-05T14:45:00Z", "2025-04-05T15:15:00Z"}},
		{"Pacific/Apia", "2011-12-30T12:00:00Z", nil},
		{"Pacific/Apia", "2011-12-31T00:00:00Z", []string{"2011-12-30T10:00:00Z"}},
	} {
		var got []string
		for _, at := range zone(t, c.zone).Instants(us(t, c.local)) {
			got = append(got, zone(t, "UTC").Format(at))
		}
		require.Equal(t, c.want, got, "%s %s", c.zone, c.local)
	}
}

// Every instant is one of those at which clocks show what they show at it.
func TestInstantsOfAllZones(t *testing.T) {
	t.Parallel()
	names, err := files()
	require.NoError(t, err)
	from, to := us(t, "1970-01-01T00:00:00Z"), us(t, "2040-01-01T00:00:00Z")
	for name := range names {
		z, err := Load(name)
		require.NoError(t, err)
		for _, span := range z.Spans(from, to) {
			for _, at := range []int64{span.Start - hour, span.Start - 1, span.Start, span.Start + hour} {
				if !slices.Contains(z.Instants(at+z.offset(at)), at) {
					t.Fatal(name, z.Format(at))
				}
			}
		}
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	at := us(t, "2025-08-01T18:15:00.25Z")
	require.Equal(t, "2025-08-02T00:00:00.25+05:45", zone(t, "Asia/Kathmandu").Format(at))
	require.Equal(t, "2025-08-01T18:15:00.25Z", zone(t, "UTC").Format(at))
	// 44:30 behind: RFC 3339 offsets have no seconds, but the instant must be exact.
	monrovia := zone(t, "Africa/Monrovia").Format(us(t, "1970-06-01T00:00:00Z"))
	require.Equal(t, us(t, "1970-06-01T00:00:00Z"), us(t, monrovia))
}
