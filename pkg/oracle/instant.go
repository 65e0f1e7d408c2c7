package oracle

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

var dateTime = regexp.MustCompile(`^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$`)

// instant reads an RFC 3339 date-time, or a date, which is its midnight on a clock of
// the zone.
func instant(text string, zone *time.Location) (at time.Time, ok bool) {
	if _, err := time.Parse(layout, text); err == nil {
		return midnight(text, zone), true
	}
	if !dateTime.MatchString(text) {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text))
	return at, err == nil
}

// midnight is when a clock first shows a date, or where it never does, the next.
func midnight(day string, zone *time.Location) time.Time {
	for {
		if from, _, exists := bounds(day, day, zone); exists {
			return from
		}
		day = addDays(day, 1)
	}
}

// endOf is when a clock has shown a date for the last time, or where it never does, the
// one before.
func endOf(day string, zone *time.Location) time.Time {
	for {
		if _, to, exists := bounds(day, day, zone); exists {
			return to
		}
		day = addDays(day, -1)
	}
}

// Day is the date that from or to name: a date, today, yesterday, or so many local days,
// weeks, months or years before today (-7d, -4w, -3mo, -1y).
func Day(text string, now time.Time, zone *time.Location) string {
	today := dayOf(now, zone)
	switch {
	case text == "today":
		return today
	case text == "yesterday":
		return addDays(today, -1)
	case strings.HasPrefix(text, "-"):
		return back(today, text[1:])
	}
	return text
}

// back moves a date back by a number of days, weeks, months or years (30d, 4w, 12mo,
// 1y). A day that the month lacks becomes its last.
func back(day, by string) string {
	unit := strings.TrimLeft(by, "0123456789")
	n, err := strconv.Atoi(strings.TrimSuffix(by, unit))
	if err != nil {
		panic(err) // the test that asks wrote it
	}
	switch unit {
	case "d":
		return addDays(day, -n)
	case "w":
		return addDays(day, -7*n)
	case "y":
		n *= 12
	}
	t := parseDay(day)
	moved := t.AddDate(0, -n, 0)
	for moved.Day() != t.Day() && moved.Day() < 4 { // Go counts on into the next month
		moved = moved.AddDate(0, 0, -1)
	}
	return moved.Format(layout)
}
