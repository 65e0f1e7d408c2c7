package walk

import (
	"errors"

	"github.com/google/uuid"
)

// Source is an event to be encoded.
type Source struct {
	User       uint32 // user_key
	Us         int64  // occurred_at, in microseconds since 1970 UTC
	Type       string
	ID         uuid.UUID
	Properties string // JSON, or empty
}

// Encode returns the file of events in memory, of which there must be at least one: what
// Build writes of a segment too small for columns of properties, in which they have these
// rows.
func Encode(project int64, events []Source) ([]byte, error) {
	if len(events) == 0 {
		return nil, errors.New("encoding no events")
	}
	t := table{
		project: project,
		users:   make([]uint32, len(events)),
		us:      make([]int64, len(events)),
		types:   make([]uint32, len(events)),
		ids: func() ([][16]byte, error) {
			ids := make([][16]byte, len(events))
			for i := range events {
				ids[i] = events[i].ID
			}
			return ids, nil
		},
	}
	var types typeCoder
	properties := newObjectCoder(len(events))
	for row, e := range events {
		t.users[row], t.us[row] = e.User, e.Us
		t.types[row], _ = types.code([]byte(e.Type))
		properties.add(row, e.Properties)
	}
	t.typeNames = types.sort(t.types)
	t.columns, t.names = properties.columns(), properties.names()
	return t.encode()
}
