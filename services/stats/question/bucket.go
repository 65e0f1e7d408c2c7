package question

import (
	"fmt"
	"time"

	"eventanalytics/pkg/calendar"
	"eventanalytics/services/stats/engine"
)

// incomplete is the column that says whether the events of a row's bucket are all
// there.
var incomplete = Column{Name: "incomplete", Kind: Bool, Doc: "The range cuts the bucket, it has not ended, or events acknowledged in it may not be counted yet"}

// buckets tells which buckets of a range are complete.
type buckets struct {
	Days
	zone  *calendar.Zone
	unit  calendar.Unit
	until int64 // instant at which what is complete ends
}

func bucketsOf(d Days, s Scope, unit calendar.Unit, src *engine.Source) buckets {
	return buckets{d, s.Timezone, unit, min(src.Now.UnixMicro(), src.CompleteUntil.UnixMicro())}
}

// incomplete says whether events may be missing from a bucket, as engine.Count has it.
func (b buckets) incomplete(bucket int64) bool {
	if b.unit == engine.Whole {
		_, end, _ := b.zone.Bounds(b.From, b.To)
		return end > b.until
	}
	if b.unit.OfInstants() {
		return b.zone.EndOf(b.unit, bucket) > b.until
	}
	first := calendar.Date(bucket)
	last := b.unit.Add(first, 1) - 1
	_, end, _ := b.zone.Bounds(first, last)
	return end > b.until || first < b.From && b.exist(first, b.From-1) || last > b.To && b.exist(b.To+1, last)
}

// exist says whether the zone has any of some dates.
func (b buckets) exist(first, last calendar.Date) bool {
	_, _, exists := b.zone.Bounds(first, last)
	return exists
}

// clockKey names what incomplete owes to the clock: nothing once the range has ended.
func clockKey(d Days, s Scope, unit calendar.Unit, now, completeUntil time.Time) string {
	until := min(now.UnixMicro(), completeUntil.UnixMicro())
	if _, end, exists := s.Timezone.Bounds(d.From, d.To); !exists || end <= until {
		return ""
	}
	return bucketKey(s.Timezone, unit, until)
}

// list returns the buckets of some days, in order: none that the zone skipped.
func list(zone *calendar.Zone, unit calendar.Unit, d Days) []int64 {
	if unit.OfInstants() {
		return zone.Begins(unit, d.From, d.To)
	}
	if unit == engine.Whole {
		if _, _, exists := zone.Bounds(d.From, d.To); !exists {
			return nil
		}
		return []int64{0}
	}
	var all []int64
	for _, first := range zone.Dates(unit, d.From, d.To) {
		all = append(all, int64(first))
	}
	return all
}

// label names a bucket: by its first date, that of a range by the range's, or by its
// instant.
func (b buckets) label(bucket int64) string {
	switch {
	case b.unit.OfInstants():
		return b.zone.Format(bucket)
	case b.unit == engine.Whole:
		return b.From.String()
	}
	return calendar.Date(bucket).String()
}

// bucketKey names the bucket that an instant is in. Its offset is part of the name:
// clocks that go back over midnight show a date twice.
func bucketKey(zone *calendar.Zone, unit calendar.Unit, us int64) string {
	if unit == engine.Whole {
		return "open"
	}
	if unit.OfInstants() {
		return fmt.Sprint(zone.BeginOf(unit, us))
	}
	return fmt.Sprintf("%s%+d", unit.Floor(zone.Date(us)), zone.Spans(us, us+1)[0].Offset)
}
