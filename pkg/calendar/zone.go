// Package calendar divides time into minutes and hours, and into local days, weeks,
// months, quarters and years.
//
// A local day is a label: an instant belongs to the date that a clock in the
// zone shows then (docs/adr/0007). That stays correct where a day is not one
// interval: where clocks go back over midnight or a date is skipped.
//
// Instants are microseconds since 1970 UTC, as in events.
package calendar

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// The services' only tz database, as the Go distribution ships it. The system's
// files and DuckDB's ICU are never consulted: they would disagree in the year a
// government changes its mind.
//
//go:generate sh -c "cp $(go env GOROOT)/lib/time/zoneinfo.zip ."
//go:embed zoneinfo.zip
var zoneinfo []byte

// ErrUnknownZone is returned for a name that is not in the tz database.
var ErrUnknownZone = errors.New("no such time zone in the tz database")

// Zone is a time zone.
type Zone struct{ loc *time.Location }

var files = sync.OnceValues(func() (map[string]*zip.File, error) {
	archive, err := zip.NewReader(bytes.NewReader(zoneinfo), int64(len(zoneinfo)))
	if err != nil {
		return nil, fmt.Errorf("reading the embedded tz database: %w", err)
	}
	byName := map[string]*zip.File{}
	for _, f := range archive.File {
		if !f.FileInfo().IsDir() {
			byName[f.Name] = f
		}
	}
	return byName, nil
})

var loaded sync.Map // name → *Zone

// Load returns the zone with an IANA name, such as "Asia/Kathmandu" or "UTC".
// Anything else, including "Local", offsets and the empty name, is
// ErrUnknownZone.
func Load(name string) (*Zone, error) {
	if z, ok := loaded.Load(name); ok {
		return z.(*Zone), nil
	}
	byName, err := files()
	if err != nil {
		return nil, err
	}
	f, ok := byName[name]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnknownZone, name)
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("opening zone %s: %w", name, err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("reading zone %s: %w", name, err)
	}
	loc, err := time.LoadLocationFromTZData(name, data)
	if err != nil {
		return nil, fmt.Errorf("reading zone %s: %w", name, err)
	}
	z, _ := loaded.LoadOrStore(name, &Zone{loc})
	return z.(*Zone), nil
}

// String returns the zone's IANA name.
func (z *Zone) String() string { return z.loc.String() }

// MarshalText writes the zone's IANA name.
func (z *Zone) MarshalText() ([]byte, error) { return []byte(z.String()), nil }

// UnmarshalText reads what Load reads.
func (z *Zone) UnmarshalText(text []byte) error {
	loaded, err := Load(string(text))
	if err != nil {
		return err
	}
	*z = *loaded
	return nil
}

// offset returns the offset at an instant, in microseconds east of UTC.
func (z *Zone) offset(us int64) int64 {
	_, seconds := time.UnixMicro(us).In(z.loc).Zone()
	return int64(seconds) * second
}

// Date returns the local date of an instant.
func (z *Zone) Date(us int64) Date { return Date(FloorDiv(us+z.offset(us), day)) }

// Instants returns the instants at which clocks of the zone show a local time, given in
// microseconds as if it were UTC: one; none when they are set forward over it; two, the
// earlier first, when they are set back over it.
func (z *Zone) Instants(local int64) []int64 {
	var all []int64
	for _, span := range z.Spans(local-slack, local+slack) {
		if us := local - span.Offset; us >= span.Start && us < span.End {
			all = append(all, us)
		}
	}
	slices.Sort(all)
	return all
}

// Format formats an instant as RFC 3339 with the zone's offset and as many
// fractional digits as it has.
func (z *Zone) Format(us int64) string { return format(us, z.offset(us)) }

// format truncates the offset to minutes, because RFC 3339 offsets have no
// seconds (Monrovia was 44:30 behind until 1972); the instant stays exact.
func format(us, offset int64) string {
	minutes := int(offset / minute)
	return time.UnixMicro(us).In(time.FixedZone("", minutes*60)).Format("2006-01-02T15:04:05.999999Z07:00")
}

const (
	second = int64(time.Second / time.Microsecond)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// FloorDiv divides a by b, which must be positive, and rounds down, also below
// zero: FloorDiv(-1, 60) is -1. Times b it is the greatest multiple of b that is
// not above a.
func FloorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
