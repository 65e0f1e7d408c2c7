package walk

import "eventanalytics/pkg/calendar"

// base is what the rows of events are counted from.
type base uint8

const (
	ofFile base = iota
	ofDay
	ofDayAndType
	bases
)

const dayMicros = 86_400_000_000

// groups is how many bases there are of events from first to last, of some types.
func (b base) groups(first, last int64, types int) int {
	days := int(calendar.FloorDiv(last, dayMicros) - calendar.FloorDiv(first, dayMicros) + 1)
	switch b {
	case ofDay:
		return days
	case ofDayAndType:
		return days * types
	}
	return 1
}

// group is the one of an event.
func (b base) group(us int64, eventType uint32, first int64, types int) int {
	day := int(calendar.FloorDiv(us, dayMicros) - calendar.FloorDiv(first, dayMicros))
	switch b {
	case ofDay:
		return day
	case ofDayAndType:
		return day*types + int(eventType)
	}
	return 0
}

// bases returns what rows are best counted from, the lowest row of each group, and how far
// a row is from it at most.
func (t *table) bases(first, last int64) (by base, lowest []uint32, highest uint64) {
	events := len(t.us)
	by, lowest, highest = ofFile, []uint32{0}, uint64(events-1)
	size := packedSize(events, bitsFor(highest))
	for _, b := range []base{ofDay, ofDayAndType} {
		groups := b.groups(first, last, len(t.typeNames))
		if groups > events {
			break
		}
		begins := make([]uint32, groups)
		most := uint64(0)
		for row := events - 1; row >= 0; row-- {
			begins[b.group(t.us[row], t.types[row], first, len(t.typeNames))] = uint32(row)
		}
		for row := range events {
			most = max(most, uint64(uint32(row)-begins[b.group(t.us[row], t.types[row], first, len(t.typeNames))]))
		}
		if n := packedSize(events, bitsFor(most)) + 4*groups; n < size {
			by, lowest, highest, size = b, begins, most, n
		}
	}
	return by, lowest, highest
}
