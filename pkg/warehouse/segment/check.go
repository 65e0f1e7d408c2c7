package segment

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"eventanalytics/pkg/event"
)

// ErrRefused is returned for events that cannot become part of a segment, no
// matter how often it is tried.
var ErrRefused = errors.New("event cannot be stored")

// First and last occurred_at that every reader of the files can represent, in
// microseconds since 1970 UTC: years 1 to 9999.
var (
	minAt = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	maxAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() - 1
)

// Check returns an error that is ErrRefused for an event that no segment may
// have.
func Check(e event.Event) error {
	switch {
	case e.OccurredAt < minAt || e.OccurredAt > maxAt:
		return fmt.Errorf("%w: occurred_at %d is not in the years 1 to 9999", ErrRefused, e.OccurredAt)
	case e.UserID == "" || e.Type == "":
		return fmt.Errorf("%w: user_id or event_type is empty", ErrRefused)
	case !utf8.ValidString(e.UserID) || !utf8.ValidString(e.Type) || !utf8.ValidString(e.Properties):
		return fmt.Errorf("%w: text is not UTF-8", ErrRefused)
	}
	return nil
}
