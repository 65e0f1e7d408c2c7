package pipeline

import (
	"bytes"
	"errors"
	"time"

	"eventanalytics/cmd/import_events/reject"
	"eventanalytics/pkg/event"
)

// check validates an event as the service does, so that a malformed one cannot
// fail its whole batch. It returns nil for a valid event.
func check(raw []byte, notBefore, notAfter time.Time) *reject.Fault {
	b, err := event.Decode(bytes.NewReader(raw), true, event.Limits{MaxEvents: 1, NotBefore: notBefore, NotAfter: notAfter})
	var malformed *event.RequestError
	switch {
	case errors.As(err, &malformed):
		return &reject.Fault{Code: malformed.Code, Reason: malformed.Message}
	case errors.Is(err, event.ErrEventTooLarge):
		return &reject.Fault{Code: "too-large", Reason: event.ErrEventTooLarge.Error()}
	case err != nil: // two values
		return &reject.Fault{Code: "malformed-json", Reason: err.Error()}
	case len(b.Invalid) > 0:
		i := b.Invalid[0]
		return &reject.Fault{Column: i.Field, Code: i.Code, Reason: i.Message}
	}
	return nil
}
