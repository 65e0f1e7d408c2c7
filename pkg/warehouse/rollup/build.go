package rollup

import (
	"maps"
	"slices"

	"eventanalytics/pkg/calendar"
)

// Builder makes the roll-up of events, added in any order.
type Builder struct {
	days   map[int32]map[string]*bucket
	shapes shapes
	// Where the last event went: events often come in runs.
	day       int32
	eventType string
	bucket    *bucket
}

// Add counts an event: when it happened, in microseconds since 1970 UTC, its user's key,
// and its properties, as valid JSON or empty. Of the texts it keeps eventType.
func (b *Builder) Add(us int64, eventType string, user uint32, properties string) {
	day := int32(calendar.FloorDiv(us, dayMicros))
	to := b.bucket
	if to == nil || day != b.day || eventType != b.eventType {
		to = b.find(day, eventType, us)
	}
	to.first, to.last = min(to.first, us), max(to.last, us)
	quarter := uint64(us-int64(day)*dayMicros) / QuarterMicros
	to.pairs = append(to.pairs, quarter<<32|uint64(user))
	if shape, ok := b.shapes.of(properties); ok {
		to.shapes = append(to.shapes, uint64(shape)<<8|quarter)
	}
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

// Properties returns how many of the events so far have each property, the keys of the
// object itself, by the kind of its value.
func (b *Builder) Properties() map[string]Kinds { return b.shapes.kinds() }

// Bytes returns the roll-up's file. The Builder must not be used again.
func (b *Builder) Bytes(project int64) ([]byte, error) {
	var e encoder
	count := func(of *bucket) error {
		e.tally.addShapes(&b.shapes, of.shapes)
		return nil
	}
	for _, day := range slices.Sorted(maps.Keys(b.days)) {
		if err := e.day(day, b.days[day], b.shapes.names, count); err != nil {
			return nil, err
		}
		delete(b.days, day)
	}
	return e.bytes(project), nil
}
