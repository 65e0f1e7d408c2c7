package calendar

import (
	"fmt"
	"time"
)

// Date is a calendar date, counted in days since 1970-01-01 of the proleptic
// Gregorian calendar.
type Date int32

// ParseDate reads YYYY-MM-DD, years 0001 to 9999.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1 {
		return 0, fmt.Errorf("%q is not a date, YYYY-MM-DD", s)
	}
	return DateOf(t), nil
}

// DateOf returns the date that t shows in its own location.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return ymd(y, m, d)
}

func ymd(y int, m time.Month, d int) Date {
	return Date(FloorDiv(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix(), 86400))
}

// Time returns midnight UTC of the date, the form SQL drivers accept.
func (d Date) Time() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// String returns YYYY-MM-DD.
func (d Date) String() string { return d.Time().Format(time.DateOnly) }

// MarshalText writes YYYY-MM-DD.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what ParseDate reads.
func (d *Date) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDate(string(text))
	return err
}

// AddMonths returns the date so many calendar months later. A day that its month lacks
// becomes the last: a month after 31 January is 28 or 29 February.
func (d Date) AddMonths(n int) Date {
	y, m, day := d.Time().Date()
	first := ymd(y, m+time.Month(n), 1)
	return min(first+Date(day-1), Month.Add(first, 1)-1)
}

// Unit is the length of a bucket.
type Unit string

// The units. Minutes and hours are stretches of time, the others are made of local
// dates. A week is an ISO week, which begins on Monday, unless its name says otherwise.
const (
	Minute       Unit = "minute"
	Hour         Unit = "hour"
	Day          Unit = "day"
	Week         Unit = "week"
	SundayWeek   Unit = "week-sunday"
	SaturdayWeek Unit = "week-saturday"
	Month        Unit = "month"
	Quarter      Unit = "quarter"
	Year         Unit = "year"
)

// OfInstants says whether buckets are told apart by the instants that they begin with,
// not by their first dates.
func (u Unit) OfInstants() bool { return u == Minute || u == Hour }

// weekdays are how many days before 1970-01-01, a Thursday, a week began.
var weekdays = map[Unit]int64{Week: 3, SundayWeek: 4, SaturdayWeek: 5}

// months are the lengths of the units that begin with a month.
var months = map[Unit]int{Month: 1, Quarter: 3, Year: 12}

// Floor returns the first date of the bucket that holds d. For minutes and hours it is
// d.
func (u Unit) Floor(d Date) Date {
	if n := months[u]; n > 0 {
		y, m, _ := d.Time().Date()
		return ymd(y, m-(m-1)%time.Month(n), 1)
	}
	if before, ok := weekdays[u]; ok {
		return d - Date(floorMod(int64(d)+before, 7))
	}
	return d
}

// Add returns the first date of the n-th bucket after the one that begins on d.
func (u Unit) Add(d Date, n int) Date {
	if length := months[u]; length > 0 {
		y, m, _ := d.Time().Date()
		return ymd(y, m+time.Month(n*length), 1)
	}
	if _, ok := weekdays[u]; ok {
		return d + Date(7*n)
	}
	return d + Date(n)
}

func floorMod(a, b int64) int64 { return a - b*FloorDiv(a, b) }
