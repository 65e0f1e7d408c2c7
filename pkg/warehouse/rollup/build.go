package rollup

import (
	"maps"
	"slices"

	"eventanalytics/pkg/calendar"
)

// Builder makes the roll-up of events, added in any order.
type Builder struct {
	days map[int32]map[string]*bucket
	// Where the last event went: events often come in runs.
	day       int32
	eventType string
	bucket    *bucket
}

// Add counts an event: when it happened, in microseconds since 1970 UTC, and its
// user's key.
func (b *Builder) Add(us int64, eventType string, user uint32) {
	day := int32(calendar.FloorDiv(us, dayMicros))
	to := b.bucket
	if to == nil || day != b.day || eventType != b.eventType {
		to = b.find(day, eventType, us)
	}
	to.first, to.last = min(to.first, us), max(to.last, us)
	quarter := uint64(us-int64(day)*dayMicros) / QuarterMicros
	to.pairs = append(to.pairs, quarter<<32|uint64(user))
}

func (b *Builder) find(day int32, eventType string, us int64) *bucket {
	if b.days == nil {
		b.days = map[int32]map[string]*bucket{}
	}
	types := b.days[day]
	if types == nil {
		types = map[string]*bucket{}
		b.days[day] = types
	}
	to := types[eventType]
	if to == nil {
		to = &bucket{first: us, last: us}
		types[eventType] = to
	}
	b.day, b.eventType, b.bucket = day, eventType, to
	return to
}

// Bytes returns the roll-up's file. The Builder must not be used again.
func (b *Builder) Bytes(project int64) ([]byte, error) {
	var e encoder
	for _, day := range slices.Sorted(maps.Keys(b.days)) {
		if err := e.day(day, b.days[day]); err != nil {
			return nil, err
		}
		delete(b.days, day)
	}
	return e.bytes(project), nil
}

// Merge returns the roll-up of the events that files have on the days [first,
// last], counted since 1970-01-01 UTC, and how many events these are. Beside the files
// it takes the memory of one day's users and twice that of the result.
func Merge(project int64, files []*File, first, last int32) (data []byte, events uint64, err error) {
	var e encoder
	v, err := NewView(nil, files)
	if err != nil {
		return nil, 0, err
	}
	for _, d := range v.between(first, last) {
		buckets := map[string]*bucket{}
		for _, r := range d.refs {
			if err := r.gather(buckets); err != nil {
				return nil, 0, err
			}
		}
		if err := e.day(d.day, buckets); err != nil {
			return nil, 0, err
		}
	}
	return e.bytes(project), e.events, nil
}

// gather adds the types of a day to buckets.
func (r ref) gather(buckets map[string]*bucket) error {
	block, err := r.quarters()
	if err != nil {
		return err
	}
	for _, x := range r.types() {
		name := r.file.types[x.eventType-1]
		to := buckets[name]
		if to == nil {
			to = &bucket{first: x.first, last: x.last}
			buckets[name] = to
		}
		to.first, to.last = min(to.first, x.first), max(to.last, x.last)
		events := uint64(0)
		err := block.each(x, 0, quartersOfDay, func(q quarterUsers) (err error) {
			events += q.events
			if more := q.events - q.users; more > 0 {
				to.extra = append(to.extra, quarterCount{q.quarter, more})
			}
			to.pairs, err = q.appendTo(to.pairs)
			return err
		})
		if err != nil {
			return err
		}
		if events != x.events {
			return damagedQuarters(x)
		}
	}
	return nil
}
