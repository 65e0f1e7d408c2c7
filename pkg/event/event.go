// Package event defines an event, the rules for a valid one (Validate), and the
// JSON that the service's own protocol sends events in (Decode). It knows nothing
// about HTTP or SQL.
package event

import (
	"time"

	"github.com/google/uuid"
)

// Event is one event. Decode returns valid ones only; Validate checks those made
// in another way. Its strings may share memory with the other events of its batch.
type Event struct {
	// ID identifies the event within its project, permanently.
	ID uuid.UUID
	// OccurredAt is in microseconds since 1970 UTC.
	OccurredAt int64
	// UserID has 1–200 code points; the integer 42 and the string "42" are the
	// same user.
	UserID string
	// Type has 1–200 code points.
	Type string
	// Properties is a JSON object as sent, or empty for null and absent.
	Properties string
	// Sent is a hash of what the client sent, for protocols whose events are changed on
	// their way in, such as by the time of arrival. It then stands for Content. 0 for none.
	Sent int64
}

// Time returns OccurredAt as a time in UTC.
func (e Event) Time() time.Time { return time.UnixMicro(e.OccurredAt).UTC() }
