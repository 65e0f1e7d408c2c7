package mapping

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"eventanalytics/cmd/import_events/row"
	"eventanalytics/pkg/calendar"
)

// Clock reads times as a file writes them. The zero Clock reads date-times of ISO 8601,
// which are UTC if they have no offset.
type Clock struct {
	unit   time.Duration // of numbers since 1970; 0 for none
	layout string        // of package time; empty for ISO 8601
	zoned  bool          // layout has an offset
	zone   *calendar.Zone
	any    bool // numbers are told by their size from one another and from ISO 8601
	shown  bool // numbers are what a clock of the zone showed, counted as if it were UTC
}

var units = map[string]time.Duration{"s": time.Second, "ms": time.Millisecond, "us": time.Microsecond, "µs": time.Microsecond, "ns": time.Nanosecond}

// NewClock reads times in a format: iso, or s, ms, us or ns for numbers since 1970, or a
// layout such as "%d.%m.%Y %H:%M". Those without an offset are of the zone, an IANA name;
// empty for UTC. Its errors name the flag.
func NewClock(format, zone string) (c Clock, err error) {
	var errs []error
	if zone != "" {
		if c.zone, err = calendar.Load(zone); err != nil {
			errs = append(errs, fmt.Errorf("--zone: %w", err))
		}
	}
	unit, numeric := units[format]
	switch {
	case format == "" || format == "iso":
	case numeric && zone != "":
		errs = append(errs, fmt.Errorf("--zone: numbers since 1970 (--time-format %s) have no zone", format))
	case numeric:
		c.unit = unit
	default:
		if c.layout, c.zoned, err = layoutOf(format); err != nil {
			errs = append(errs, fmt.Errorf("--time-format: %w", err))
		}
	}
	return c, errors.Join(errs...)
}

// AnyClock reads what exports of vendors have: ISO 8601, or numbers since 1970, whose size
// tells seconds, milliseconds and microseconds from one another. Date-times without an
// offset are of the zone; numbers are instants.
func AnyClock(zone *calendar.Zone) Clock { return Clock{any: true, zone: zone} }

// ShownClock reads the same, but numbers are of the zone too: of what a clock there showed,
// counted as if it were UTC.
func ShownClock(zone *calendar.Zone) Clock { return Clock{any: true, shown: true, zone: zone} }

// Unix reads numbers since 1970.
func Unix(unit time.Duration) Clock { return Clock{unit: unit} }

// Where numbers begin to be milliseconds and microseconds: as seconds 1e11 is the year
// 5138, as milliseconds 1973. services/ingest/sdk has the same bound.
const (
	millisFrom = 1e11
	microsFrom = 1e14
)

func unitOf(t string) time.Duration {
	f, _ := strconv.ParseFloat(t, 64) // what is no number is refused later
	switch {
	case f < millisFrom:
		return time.Second
	case f < microsFrom:
		return time.Millisecond
	}
	return time.Microsecond
}

// Zone of times without an offset; nil for UTC.
func (c Clock) Zone() *calendar.Zone { return c.zone }

// Numeric says whether times are numbers.
func (c Clock) Numeric() bool { return c.unit != 0 || c.any }

var errNoTime = errors.New("is not a date-time such as 2025-08-01T10:00:00Z; --time-format says how times are written")

// Read returns microseconds since 1970 UTC; what is below one is cut, as the API does.
func (c Clock) Read(v row.Value) (int64, error) {
	t := strings.TrimSpace(v.Text)
	switch {
	case v.Kind == row.Time:
		at, err := time.Parse(time.RFC3339Nano, t)
		return at.UnixMicro(), err
	case v.Kind == row.JSON:
		return 0, fmt.Errorf("%s %w", clip(v.Text), errNoTime)
	case c.unit != 0:
		return count(t, c.unit)
	case c.any && (v.Kind == row.Number || isNumber(t)):
		at, err := count(t, unitOf(t))
		if err != nil || !c.shown {
			return at, err
		}
		return c.local(at)
	case c.layout != "":
		at, err := time.Parse(c.layout, t)
		if err != nil && c.zoned {
			at, err = time.Parse(strings.Replace(c.layout, "-0700", "-07:00", 1), t)
		}
		if err != nil {
			return 0, fmt.Errorf("%s is not as --time-format says", clip(v.Text))
		}
		if c.zoned {
			return at.UnixMicro(), nil
		}
		return c.local(at.UnixMicro())
	case isNumber(t) || v.Kind == row.Number:
		return 0, fmt.Errorf("%s is a number: say with --time-format whether it is s, ms, us or ns since 1970", clip(v.Text))
	}
	return c.iso(t)
}

// local is the instant at which clocks of the zone show a time: the first, if they do so
// twice.
func (c Clock) local(at int64) (int64, error) {
	if c.zone == nil {
		return at, nil
	}
	all := c.zone.Instants(at)
	if len(all) == 0 {
		return 0, fmt.Errorf("%s never was in %s: clocks were set forward over it", time.UnixMicro(at).UTC().Format(time.DateTime), c.zone)
	}
	return all[0], nil
}

// date is a date-time with what databases write for an offset.
var date = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d(?:\.\d+)?) ?(Z|z|UTC|[+-]\d\d(?::?\d\d)?)?$`)

func (c Clock) iso(t string) (int64, error) {
	parts := date.FindStringSubmatch(t)
	if parts == nil {
		return 0, fmt.Errorf("%s %w", clip(t), errNoTime)
	}
	zone := strings.ReplaceAll(parts[3], ":", "")
	switch {
	case zone == "" || zone == "z" || zone == "UTC":
		zone = "Z"
	case len(zone) == len("+00"):
		zone += "00"
	}
	at, err := time.Parse("2006-01-02T15:04:05Z0700", parts[1]+"T"+parts[2]+zone)
	if err != nil {
		return 0, fmt.Errorf("%s %w", clip(t), errNoTime)
	}
	if parts[3] == "" {
		return c.local(at.UnixMicro())
	}
	return at.UnixMicro(), nil
}

var countText = regexp.MustCompile(`^-?[0-9]{1,20}(\.[0-9]+)?$`)

// count reads a number of units since 1970, exactly.
func count(t string, unit time.Duration) (int64, error) {
	if !countText.MatchString(t) {
		return 0, fmt.Errorf("%s is not a number since 1970, written with all its digits", clip(t))
	}
	n, _ := new(big.Rat).SetString(t)
	n.Mul(n, big.NewRat(int64(unit), int64(time.Microsecond)))
	micros := new(big.Int).Div(n.Num(), n.Denom())
	if !micros.IsInt64() || micros.Int64() > maxMicros || micros.Int64() < -maxMicros {
		return 0, fmt.Errorf("%s is farther from 1970 than years have four digits: is the unit of --time-format right?", clip(t))
	}
	return micros.Int64(), nil
}

// maxMicros is the end of the year 9999.
const maxMicros = 253_402_300_799_999_999

// directives of layouts, as strftime has them, in those of package time. %f, a fraction of
// a second, is read after the seconds without being in the layout.
var directives = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'e': "_2", 'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM",
	'b': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday", 'z': "-0700", 'F': "2006-01-02", 'T': "15:04:05", '%': "%",
}

func layoutOf(format string) (layout string, zoned bool, err error) {
	var b strings.Builder
	var seen []byte
	for i := 0; i < len(format); i++ {
		c := format[i]
		if c != '%' {
			if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' && c != 'T' && c != 'Z' || c == '_' {
				return "", false, fmt.Errorf("%q: only iso, s, ms, us, ns or a layout such as \"%%d.%%m.%%Y %%H:%%M:%%S\"; letters and digits are not taken as they are", format)
			}
			b.WriteByte(c)
			zoned = zoned || c == 'Z'
			continue
		}
		if i++; i == len(format) {
			return "", false, fmt.Errorf("%q ends with %%", format)
		}
		d := format[i]
		if d == 'f' && len(seen) > 0 && (seen[len(seen)-1] == 'S' || seen[len(seen)-1] == 'T') {
			text := strings.TrimRight(b.String(), ".,")
			b.Reset()
			b.WriteString(text)
			continue
		}
		part, known := directives[d]
		if !known {
			return "", false, fmt.Errorf("%q: %%%c is not among %%Y %%y %%m %%d %%e %%H %%I %%M %%S %%p %%b %%B %%a %%A %%z %%F %%T, and %%f after seconds", format, d)
		}
		b.WriteString(part)
		seen = append(seen, d)
		zoned = zoned || d == 'z'
	}
	if !slices.Contains(seen, 'F') && (!slices.ContainsFunc(seen, func(d byte) bool { return d == 'Y' || d == 'y' }) ||
		!slices.ContainsFunc(seen, func(d byte) bool { return d == 'm' || d == 'b' || d == 'B' }) ||
		!slices.ContainsFunc(seen, func(d byte) bool { return d == 'd' || d == 'e' })) {
		return "", false, fmt.Errorf("%q has no year, month or day", format)
	}
	return b.String(), zoned, nil
}
