// Package oracle computes the analytics of the HTTP contract from plain events,
// as literally and as slowly as its words allow. It shares no code with the
// service, so that the two agreeing means something.
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

// TypeCount is a row of "top-events".
type TypeCount struct {
	Type  string `json:"event_type"`
	Count int    `json:"total_count"`
}

// TopEvents counts events by type over local days (both inclusive): the most
// frequent first, then by name.
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
