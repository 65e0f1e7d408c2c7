// Package session cuts a user's events into sessions, and measures how long they are.
package session

import "eventanalytics/pkg/warehouse/walk"

// End returns where the session that begins with the i-th event ends: the index of the
// first event that comes more than gap, in microseconds, after the one before it.
func End(events []walk.Event, i int, gap int64) int {
	for i++; i < len(events) && events[i].Us-events[i-1].Us <= gap; i++ {
	}
	return i
}
