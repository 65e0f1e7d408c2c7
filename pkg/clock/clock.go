// Package clock is the services' clock, for what depends on the time of day: when
// a token expires, which days have passed, which files are old enough to go. How
// long something took is a matter of time.Now and time.Since.
//
// In builds with the tag "failpoints" tests can set the clock off.
package clock

import (
	"context"
	"time"
)

// Pause waits for d. It returns false when ctx ended first.
func Pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
