package oracle

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// Profiles asks for users.
type Profiles struct {
	From, To string // From is empty for all time
	Zone     *time.Location
	Filter   Filter
	Q        string // contained in the id, any case
	Fields   []Field
	Sort     string // last_seen, first_seen, events or user_id
}

// ProfileRow is a row of "profiles", without its cursor.
type ProfileRow struct {
	UserID, FirstSeen, LastSeen string
	Events                      int
	Fields                      []*string // nil: no value
}

// Rows computes the rows of all pages.
func (q Profiles) Rows(events []Event) []ProfileRow {
	k := knownIn(events, q.From, q.To, q.Zone)
	chosen := map[string]bool{}
	for id, of := range k.users {
		inRange := of
		if q.From != "" {
			inRange = between(of, q.From, q.To, q.Zone)
		}
		for _, e := range inRange {
			if q.Filter.holds(k, e) && strings.Contains(strings.ToLower(id), strings.ToLower(q.Q)) {
				chosen[id] = true
			}
		}
	}
	ids := slices.SortedFunc(maps.Keys(chosen), func(a, b string) int {
		first, second := k.users[a], k.users[b]
		switch q.Sort {
		case "last_seen":
			return cmp.Or(second[len(second)-1].At.Compare(first[len(first)-1].At), cmp.Compare(a, b))
		case "first_seen":
			return cmp.Or(second[0].At.Compare(first[0].At), cmp.Compare(a, b))
		case "events":
			return cmp.Or(len(second)-len(first), cmp.Compare(a, b))
		}
		return cmp.Compare(a, b)
	})
	rows := []ProfileRow{}
	for _, id := range ids {
		of := k.users[id]
		row := ProfileRow{id, timestamp(of[0].At, time.UTC), timestamp(of[len(of)-1].At, time.UTC), len(of), nil}
		for _, f := range q.Fields {
			row.Fields = append(row.Fields, Breakdown{Field: f}.value(k, of[0]))
		}
		rows = append(rows, row)
	}
	return rows
}

// OneProfile is the row of "profiles/{user_id}" of a person, by the root's id, as of the end of a day, with the user's
// properties by key; ok is false when there is no event.
func OneProfile(events []Event, userID, to string, zone *time.Location) (row ProfileRow, properties map[string]string, ok bool) {
	of := knownIn(events, "", to, zone).users[userID]
	if len(of) == 0 {
		return row, nil, false
	}
	properties = map[string]string{}
	for _, e := range of {
		var object map[string]json.RawMessage
		if e.Properties != "" {
			if err := json.Unmarshal([]byte(e.Properties), &object); err != nil {
				panic(err)
			}
		}
		for key, value := range object {
			properties[key] = string(value)
		}
	}
	for key, said := range of[0].Said {
		properties[key] = said
		if said == "" {
			delete(properties, key)
		}
	}
	for i, key := range slices.Sorted(maps.Keys(properties)) {
		if i >= 500 {
			delete(properties, key)
		}
	}
	return ProfileRow{userID, timestamp(of[0].At, time.UTC), timestamp(of[len(of)-1].At, time.UTC), len(of), nil}, properties, true
}

// Timeline is the rows of "profiles/{user_id}/events" of a person, by the root's id, of all pages: those of events for
// which a filter held already.
func Timeline(events []Event, userID string, zone *time.Location) []EventRow {
	of := only(events, func(e Event) bool { return e.person() == userID })
	slices.SortFunc(of, func(a, b Event) int { return inOrder(b, a) })
	rows := []EventRow{}
	for _, e := range of {
		rows = append(rows, EventRow{e.ID, timestamp(e.At, zone), e.UserID, e.Type, e.Properties})
	}
	return rows
}
