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

// Unit is the length of a bucket.
type Unit string

// The units. A week is an ISO week: it begins on Monday.
const (
	Hour  Unit = "hour"
	Day   Unit = "day"
	Week  Unit = "week"
	Month Unit = "month"
)

// Floor returns the first date of the bucket that holds d. For hours it is d.
func (u Unit) Floor(d Date) Date {
	switch u {
	case Week:
		return d - Date(floorMod(int64(d)+3, 7)) // 1970-01-01 was a Thursday
	case Month:
		y, m, _ := d.Time().Date()
		return ymd(y, m, 1)
	}
	return d
}

// Add returns the first date of the n-th bucket after the one that begins on d.
func (u Unit) Add(d Date, n int) Date {
	switch u {
	case Week:
		return d + Date(7*n)
	case Month:
		y, m, _ := d.Time().Date()
		return ymd(y, m+time.Month(n), 1)
	}
	return d + Date(n)
}

func floorMod(a, b int64) int64 { return a - b*FloorDiv(a, b) }
