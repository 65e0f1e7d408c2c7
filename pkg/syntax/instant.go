package syntax

import (
	"regexp"
	"strings"
	"time"

	"eventanalytics/pkg/calendar"
)

// instant is a point in time as a text writes it: a date-time, or a date, which is its
// midnight in a time zone.
type instant struct {
	isDate bool
	date   calendar.Date
	at     time.Time // of a date-time; digits beyond nanoseconds are dropped
}

// dateTime is stricter than package time. RFC 3339 allows lower case.
var dateTime = regexp.MustCompile(`^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$`)

// parseInstant reads an RFC 3339 date or date-time of the years 0001 to 9999, without
// leap seconds.
func parseInstant(text string) (i instant, ok bool) {
	if len(text) == len(time.DateOnly) {
		date, err := calendar.ParseDate(text)
		return instant{isDate: true, date: date}, err == nil
	}
	if !dateTime.MatchString(text) {
		return instant{}, false
	}
	at, err := time.Parse(time.RFC3339, strings.ToUpper(text))
	return instant{at: at}, err == nil && text[:4] != "0000"
}

// bound is what dates and date-times are compared with.
type bound struct {
	at   time.Time
	date calendar.Date // the first whose midnight is not before at
}

func boundOf(text string, zone *calendar.Zone) bound {
	i, _ := parseInstant(text) // it was read before
	b := bound{at: i.at}
	if i.isDate {
		b.at = time.UnixMicro(zone.Midnight(i.date))
	}
	b.date = zone.Date(b.at.UnixMicro()) - 1 // clocks may go back over midnight
	for time.UnixMicro(zone.Midnight(b.date)).Before(b.at) {
		b.date++
	}
	return b
}

// passed says whether a text is an instant, and whether that is not before b.
func (b bound) passed(text string) (passed, ok bool) {
	switch i, ok := parseInstant(text); {
	case !ok:
		return false, false
	case i.isDate:
		return i.date >= b.date, true
	default:
		return !i.at.Before(b.at), true
	}
}

// micros is the first microsecond since 1970 UTC that is not before b.
func (b bound) micros() int64 {
	us := b.at.UnixMicro() // rounds down
	if time.UnixMicro(us).Before(b.at) {
		us++
	}
	return us
}
