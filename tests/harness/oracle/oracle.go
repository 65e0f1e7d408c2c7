// Package oracle computes the analytics of the HTTP contract from plain events,
// as literally as possible, however slow that is. It shares no code with the
// service, so that agreement between the two means something.
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

// Event is what the metrics need of an event.
type Event struct {
	UserID, Type string
	At           time.Time
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
		events = append(events, Event{UserID: row[2], Type: row[3], At: at})
	}
	return events, nil
}

const layout = time.DateOnly

// DayUsers is a row of "dau".
type DayUsers struct {
	Date string `json:"date"`
	DAU  int    `json:"dau"`
}

// DAU counts the distinct users of each local day from the day from to the day
// to (YYYY-MM-DD, both inclusive). Days without events are left out.
func DAU(events []Event, from, to string, zone *time.Location) []DayUsers {
	users := map[string]map[string]bool{}
	for _, e := range events {
		day := e.At.In(zone).Format(layout)
		if day < from || day > to {
			continue
		}
		if users[day] == nil {
			users[day] = map[string]bool{}
		}
		users[day][e.UserID] = true
	}
	rows := []DayUsers{}
	for _, day := range slices.Sorted(maps.Keys(users)) {
		rows = append(rows, DayUsers{day, len(users[day])})
	}
	return rows
}

// DayActive is a row of "active-users".
type DayActive struct {
	Date  string `json:"date"`
	Users int    `json:"active_users"`
}

// ActiveUsers counts, for each local day from the day from to the day to (both
// inclusive), the distinct users of the days window that end with it. Days whose
// window has none are left out. The clocks of the zone must have shown every day.
func ActiveUsers(events []Event, from, to string, zone *time.Location, window int) []DayActive {
	users := map[string]map[string]bool{} // by day
	for _, e := range events {
		day := e.At.In(zone).Format(layout)
		if users[day] == nil {
			users[day] = map[string]bool{}
		}
		users[day][e.UserID] = true
	}
	rows := []DayActive{}
	for day := from; day <= to; day = addDays(day, 1) {
		active := map[string]bool{}
		for back := range window {
			maps.Copy(active, users[addDays(day, -back)])
		}
		if len(active) > 0 {
			rows = append(rows, DayActive{day, len(active)})
		}
	}
	return rows
}

func addDays(day string, n int) string {
	t, err := time.Parse(layout, day)
	if err != nil {
		panic(err) // a mistake in the test
	}
	return t.AddDate(0, 0, n).Format(layout)
}

// TypeCount is a row of "top-events".
type TypeCount struct {
	Type  string `json:"event_type"`
	Count int    `json:"total_count"`
}

// TopEvents counts events by type over local days (both inclusive), most frequent
// first, then by name.
func TopEvents(events []Event, from, to string, zone *time.Location, limit int) []TypeCount {
	counts := map[string]int{}
	for _, e := range events {
		if day := e.At.In(zone).Format(layout); day >= from && day <= to {
			counts[e.Type]++
		}
	}
	rows := []TypeCount{}
	for name, n := range counts {
		rows = append(rows, TypeCount{name, n})
	}
	slices.SortFunc(rows, func(a, b TypeCount) int {
		return cmp.Or(b.Count-a.Count, cmp.Compare(a.Type, b.Type))
	})
	return rows[:min(limit, len(rows))]
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
	for _, top := range TopEvents(events, from, to, zone, limit) {
		users := map[string]bool{}
		for _, e := range events {
			if day := e.At.In(zone).Format(layout); e.Type == top.Type && day >= from && day <= to {
				users[e.UserID] = true
			}
		}
		rows = append(rows, TypeUsers{top.Type, top.Count, len(users)})
	}
	return rows
}

// BucketCount is a row of "events"; Type is empty unless it was asked for.
type BucketCount struct {
	Bucket string `json:"bucket"`
	Type   string `json:"event_type"`
	Events int    `json:"events"`
	Users  int    `json:"users"`
}

// Events counts the events and users of each day, week or month, by the first
// day of it, over local days (both inclusive); with byType also by event type.
func Events(events []Event, from, to string, zone *time.Location, interval string, byType bool) []BucketCount {
	counts := map[[2]string]int{}
	users := map[[2]string]map[string]bool{}
	for _, e := range events {
		if day := e.At.In(zone).Format(layout); day < from || day > to {
			continue
		}
		key := [2]string{bucket(e.At, interval, zone).Format(layout)}
		if byType {
			key[1] = e.Type
		}
		counts[key]++
		if users[key] == nil {
			users[key] = map[string]bool{}
		}
		users[key][e.UserID] = true
	}
	rows := []BucketCount{}
	for key, n := range counts {
		rows = append(rows, BucketCount{key[0], key[1], n, len(users[key])})
	}
	slices.SortFunc(rows, func(a, b BucketCount) int {
		return cmp.Or(cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(a.Type, b.Type))
	})
	return rows
}
