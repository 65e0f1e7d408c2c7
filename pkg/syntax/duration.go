package syntax

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// units of durations, the longest first.
var units = []struct {
	name string
	time.Duration
}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}}

// ParseDuration reads elapsed time, such as 7d, 12h, 30min or 90s, between two
// others. A day is 24 hours, whatever the clocks do.
func ParseDuration(text string, least, most time.Duration) (time.Duration, error) {
	digits := text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]
	n, err := strconv.ParseInt(digits, 10, 64)
	for _, unit := range units {
		if err != nil || text[len(digits):] != unit.name {
			continue
		}
		if n > int64(most/unit.Duration) || time.Duration(n)*unit.Duration < least {
			return 0, fmt.Errorf("is not between %s and %s", FormatDuration(least), FormatDuration(most))
		}
		return time.Duration(n) * unit.Duration, nil
	}
	return 0, errors.New("is not a duration such as 7d, 12h, 30min or 90s")
}

// FormatDuration writes whole seconds as ParseDuration reads them, in the longest unit
// that they are a multiple of.
func FormatDuration(d time.Duration) string {
	for _, unit := range units {
		if d%unit.Duration == 0 {
			return strconv.FormatInt(int64(d/unit.Duration), 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(d/time.Second), 10) + "s"
}
