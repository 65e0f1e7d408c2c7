package question

import (
	"strconv"
	"strings"

	"eventanalytics/pkg/calendar"
)

// spans move a date by so many days, weeks, or calendar months and years.
var spans = map[string]func(d calendar.Date, n int) calendar.Date{
	"d":  func(d calendar.Date, n int) calendar.Date { return d + calendar.Date(n) },
	"w":  func(d calendar.Date, n int) calendar.Date { return d + calendar.Date(7*n) },
	"mo": calendar.Date.AddMonths,
	"y":  func(d calendar.Date, n int) calendar.Date { return d.AddMonths(12 * n) },
}

// maxSpan is the largest number in a span.
const maxSpan = 9999

// cutSpan reads a number of days, weeks, months or years, such as 12mo.
func cutSpan(text string) (n int, unit string, ok bool) {
	digits := strings.TrimRight(text, "dwmoy")
	n, err := strconv.Atoi(digits)
	unit = text[len(digits):]
	return n, unit, err == nil && digits == strconv.Itoa(n) && n >= 1 && n <= maxSpan && spans[unit] != nil
}

// relativeDay reads a day relative to today: today, yesterday, or a span before it, such
// as -7d.
func relativeDay(text string, today calendar.Date) (d calendar.Date, ok bool) {
	switch text {
	case "today":
		return today, true
	case "yesterday":
		return today - 1, true
	}
	span, isBefore := strings.CutPrefix(text, "-")
	n, unit, ok := cutSpan(span)
	if !isBefore || !ok {
		return 0, false
	}
	return spans[unit](today, -n), true
}
