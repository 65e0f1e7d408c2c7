package event

import "time"

// parseTimestamp reads an RFC 3339 date-time, optionally with a space for the T or
// without an offset (then UTC), and returns microseconds since 1970 UTC. A longer
// fraction is truncated, not rounded, so that a resend maps to the same
// microsecond.
//
// time.Parse is not used: it accepts a comma before the fraction.
func parseTimestamp(s []byte) (micros int64, ok bool) {
	if len(s) < len("2006-01-02T15:04:05") || s[4] != '-' || s[7] != '-' ||
		s[10] != 'T' && s[10] != 't' && s[10] != ' ' || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	year, ok1 := digits(s[0:4])
	month, ok2 := digits(s[5:7])
	day, ok3 := digits(s[8:10])
	hour, ok4 := digits(s[11:13])
	minute, ok5 := digits(s[14:16])
	second, ok6 := digits(s[17:19])
	if !(ok1 && ok2 && ok3 && ok4 && ok5 && ok6) ||
		year < 1 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if t.Day() != day { // Feb 30 became March
		return 0, false
	}
	rest := s[19:]
	fraction := 0
	if len(rest) > 0 && rest[0] == '.' {
		rest = rest[1:]
		n := 0
		for ; n < len(rest) && rest[n] >= '0' && rest[n] <= '9'; n++ {
			if n < 6 {
				fraction = fraction*10 + int(rest[n]-'0')
			}
		}
		if n == 0 {
			return 0, false
		}
		for i := n; i < 6; i++ {
			fraction *= 10
		}
		rest = rest[n:]
	}
	offset, ok := parseOffset(rest)
	if !ok {
		return 0, false
	}
	return (t.Unix()-int64(offset))*1_000_000 + int64(fraction), true
}

// parseOffset returns the seconds east of UTC of "", "Z" or "±hh:mm".
func parseOffset(s []byte) (seconds int, ok bool) {
	switch {
	case len(s) == 0, len(s) == 1 && (s[0] == 'Z' || s[0] == 'z'):
		return 0, true
	case len(s) != 6 || s[3] != ':' || s[0] != '+' && s[0] != '-':
		return 0, false
	}
	hours, ok1 := digits(s[1:3])
	minutes, ok2 := digits(s[4:6])
	if !ok1 || !ok2 || hours > 23 || minutes > 59 {
		return 0, false
	}
	seconds = hours*3600 + minutes*60
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

func digits(s []byte) (n int, ok bool) {
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}
