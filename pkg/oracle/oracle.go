// Package oracle computes the analytics of the HTTP contract from plain events, as
// literally and as slowly as its words allow, for tests. It shares no code with the
// services, so that the two agreeing means something: local dates come from package
// time, and when a date begins and ends is found by asking minute by minute.
//
// Days are texts, YYYY-MM-DD; ranges of them include both ends. A zone that is cut
// by whole minutes is read right whatever its clocks do.
package oracle

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// Event is what the questions need of an event.
type Event struct {
	UserID, Type string
	At           time.Time
	ID           string
	Properties   string            // JSON, or empty
	Said         map[string]string // what operations say of whose it is: JSON by name; empty: removed
	Person       string            // whose it is, as Links say; empty: of the user_id
}

// ReadCSV reads events from a CSV with a header line and the columns event_id,
// occurred_at (RFC 3339), user_id and event_type.
func ReadCSV(r io.Reader) ([]Event, error) {
	rows, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("reading CSV: %w", err)
	}
	var events []Event
	for i, row := range rows[min(1, len(rows)):] {
		at, err := time.Parse(time.RFC3339, row[1])
		if err != nil {
			return nil, fmt.Errorf("reading event %d: %w", i, err)
		}
		events = append(events, Event{ID: row[0], UserID: row[2], Type: row[3], At: at})
	}
	return events, nil
}

// only returns the events for which holds is true.
func only(events []Event, holds func(Event) bool) []Event {
	return slices.DeleteFunc(slices.Clone(events), func(e Event) bool { return !holds(e) })
}

// between returns the events of local days.
func between(events []Event, from, to string, zone *time.Location) []Event {
	return only(events, func(e Event) bool { day := dayOf(e.At, zone); return day >= from && day <= to })
}

// group splits events by key.
func group(events []Event, key func(Event) string) map[string][]Event {
	groups := map[string][]Event{}
	for _, e := range events {
		groups[key(e)] = append(groups[key(e)], e)
	}
	return groups
}

func typeOf(e Event) string { return e.Type }

func users(events []Event) map[string]bool {
	seen := map[string]bool{}
	for _, e := range events {
		seen[e.person()] = true
	}
	return seen
}

// Fill returns a row for each of labels: the one in rows, which have labels in the
// same order, or an empty one.
func Fill[T any](rows []T, labels []string, label func(T) string, empty func(label string) T) []T {
	full := []T{}
	for _, l := range labels {
		if len(rows) > 0 && label(rows[0]) == l {
			full, rows = append(full, rows[0]), rows[1:]
		} else {
			full = append(full, empty(l))
		}
	}
	return full
}

// DayUsers is a row of "dau".
type DayUsers struct {
	Date       string `json:"date"`
	DAU        int    `json:"dau"`
	Incomplete bool   `json:"incomplete"` // left to Incomplete
}

// DAU counts the distinct users of each local day. Days without events are left out.
func DAU(events []Event, from, to string, zone *time.Location) []DayUsers {
	byDay := group(between(events, from, to, zone), func(e Event) string { return dayOf(e.At, zone) })
	rows := []DayUsers{}
	for _, day := range slices.Sorted(maps.Keys(byDay)) {
		rows = append(rows, DayUsers{Date: day, DAU: len(users(byDay[day]))})
	}
	return rows
}

// DayActive is a row of "active-users".
type DayActive struct {
	Date       string `json:"date"`
	Users      int    `json:"active_users"`
	Incomplete bool   `json:"incomplete"` // left to Incomplete
}

// ActiveUsers counts, for each local day that there was, the distinct users of the
// window of days that end with it. Days whose window has none are left out.
func ActiveUsers(events []Event, from, to string, zone *time.Location, window int) []DayActive {
	byDay := group(events, func(e Event) string { return dayOf(e.At, zone) })
	rows := []DayActive{}
	for _, day := range Buckets("day", from, to, zone) {
		active := map[string]bool{}
		for back := range window {
			maps.Copy(active, users(byDay[addDays(day, -back)]))
		}
		if len(active) > 0 {
			rows = append(rows, DayActive{Date: day, Users: len(active)})
		}
	}
	return rows
}

// TypeCount is a row of "top-events".
type TypeCount struct {
	Type  string `json:"event_type"`
	Count int    `json:"total_count"`
}

// TopEvents counts events by type over local days: the most frequent first, then by
// name.
func TopEvents(events []Event, from, to string, zone *time.Location, limit int) []TypeCount {
	rows := []TypeCount{}
	for _, row := range TopEventsUsers(events, from, to, zone, limit) {
		rows = append(rows, TypeCount{row.Type, row.Count})
	}
	return rows
}

// TypeUsers is a row of "top-events" with users.
type TypeUsers struct {
	Type  string `json:"event_type"`
	Count int    `json:"total_count"`
	Users int    `json:"users"`
}

// TopEventsUsers is TopEvents with the distinct users of each type.
func TopEventsUsers(events []Event, from, to string, zone *time.Location, limit int) []TypeUsers {
	rows := []TypeUsers{}
	for name, of := range group(between(events, from, to, zone), typeOf) {
		rows = append(rows, TypeUsers{name, len(of), len(users(of))})
	}
	slices.SortFunc(rows, func(a, b TypeUsers) int {
		return cmp.Or(b.Count-a.Count, cmp.Compare(a.Type, b.Type))
	})
	return rows[:min(limit, len(rows))]
}

// BucketCount is a row of "events"; Type is empty unless it was asked for.
type BucketCount struct {
	Bucket     string `json:"bucket"`
	Type       string `json:"event_type"`
	Events     int    `json:"events"`
	Users      int    `json:"users"`
	Incomplete bool   `json:"incomplete"` // left to Incomplete
}

// Events counts the events and users of each hour, day, week or month, over local
// days; with byType also by event type. Buckets without events are left out.
func Events(events []Event, from, to string, zone *time.Location, interval string, byType bool) []BucketCount {
	inRange := between(events, from, to, zone)
	byBucket := group(inRange, func(e Event) string { return bucketOf(interval, e.At, zone) })
	rows := []BucketCount{}
	for _, b := range Buckets(interval, from, to, zone) {
		of := byBucket[b]
		if !byType && len(of) > 0 {
			rows = append(rows, BucketCount{Bucket: b, Events: len(of), Users: len(users(of))})
		}
		for _, name := range Types(of) {
			if byType {
				one := only(of, func(e Event) bool { return e.Type == name })
				rows = append(rows, BucketCount{Bucket: b, Type: name, Events: len(one), Users: len(users(one))})
			}
		}
	}
	return rows
}

// Types lists the types of events, in order.
func Types(events []Event) []string { return slices.Sorted(maps.Keys(group(events, typeOf))) }

// TypeSeen is a row of "event-types".
type TypeSeen struct {
	Type  string `json:"event_type"`
	First string `json:"first_seen"`
	Last  string `json:"last_seen"`
}

// EventTypes lists the types of all events by name, with the times of the first and
// the last.
func EventTypes(events []Event, zone *time.Location) []TypeSeen {
	byType := group(events, typeOf)
	rows := []TypeSeen{}
	for _, name := range Types(events) {
		compare := func(a, b Event) int { return a.At.Compare(b.At) }
		first, last := slices.MinFunc(byType[name], compare), slices.MaxFunc(byType[name], compare)
		rows = append(rows, TypeSeen{name, timestamp(first.At, zone), timestamp(last.At, zone)})
	}
	return rows
}

// EventRow is a row of "events/latest" and "events/{event_id}". Properties are the
// text that was sent, or empty for null.
type EventRow struct {
	ID, OccurredAt, UserID, Type, Properties string
}

// Latest returns the events that happened last, the newest first; at one instant the
// greatest id first.
func Latest(events []Event, zone *time.Location, limit int) []EventRow {
	events = slices.Clone(events)
	slices.SortFunc(events, func(a, b Event) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID)) })
	rows := []EventRow{}
	for _, e := range events[:min(limit, len(events))] {
		rows = append(rows, EventRow{e.ID, timestamp(e.At, zone), e.UserID, e.Type, e.Properties})
	}
	return rows
}

// Before returns the events that come behind one in the order of Latest.
func Before(events []Event, one Event) []Event {
	return only(events, func(e Event) bool { return e.At.Before(one.At) || e.At.Equal(one.At) && e.ID < one.ID })
}

// One returns the event with an id, or none.
func One(events []Event, zone *time.Location, id string) []EventRow {
	return Latest(only(events, func(e Event) bool { return e.ID == id }), zone, 1)
}
