package oracle

import (
	"cmp"
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
	"time"
)

// Field says where a value comes from. The zero value is user_id, the unit of questions
// that name none.
type Field struct {
	Source string   // event_type, user_id, properties, user, first, first_seen, last_seen, time.hour, time.weekday or cohort
	Keys   []string // of properties, user and first: that lead to the value
	At     string   // entry or exit: at the first or last event of the event's session; empty: at the event
	Cohort *Cohort  // of cohort
}

// known is what the value of a field depends on beside the event.
type known struct {
	zone  *time.Location
	from  string             // first local day of the range; empty: all time
	to    string             // and its last
	end   time.Time          // of the range
	users map[string][]Event // those before the end, in their order
	// sessions are the events of the session of each event, by the event's id.
	sessions map[string][]Event
	all      []Event // also those behind the end
}

// knownIn knows the users of all events as they are at the end of the local days from … to:
// the last instant of these days, also where a clock had shown the next day before.
func knownIn(events []Event, from, to string, zone *time.Location) known {
	end := endOf(to, zone)
	before := only(events, func(e Event) bool { return e.At.Before(end) })
	slices.SortFunc(before, inOrder)
	return known{zone: zone, from: from, to: to, end: end, all: events, users: group(before, Event.person)}
}

// inOrder compares events as the contract orders those of a user.
func inOrder(a, b Event) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID))
}

// value is the JSON that a field has. Instants are strings, hours and weekdays numbers.
func (k known) value(f Field, e Event) (value json.RawMessage, ok bool) {
	if session := k.sessions[e.ID]; f.At != "" {
		e = map[string]Event{"entry": session[0], "exit": session[len(session)-1]}[f.At]
	}
	of := k.users[e.person()]
	at := e.At.In(k.zone)
	switch f.Source {
	case "event_type":
		return quoted(e.Type), true
	case "":
		return quoted(e.person()), true
	case "user_id":
		return quoted(e.UserID), true
	case "properties":
		return property(e, f.Keys)
	case "user":
		if said, ok := e.Said[f.Keys[0]]; ok {
			if said == "" {
				return nil, false
			}
			keys := append([]string{"said"}, f.Keys[1:]...)
			return property(Event{Properties: `{"said":` + said + `}`}, keys)
		}
		for _, last := range slices.Backward(of) {
			if value, ok = property(last, f.Keys); ok {
				return value, true
			}
		}
		return nil, false
	case "first":
		for _, first := range of {
			if value, ok = property(first, f.Keys); ok {
				return value, true
			}
		}
		return nil, false
	case "first_seen", "last_seen":
		if len(of) == 0 {
			return nil, false
		}
		seen := map[string]Event{"first_seen": of[0], "last_seen": of[len(of)-1]}[f.Source]
		return quoted(timestamp(seen.At, time.UTC)), true
	case "cohort":
		return json.RawMessage(strconv.FormatBool(f.Cohort.has(k, e))), true
	case "time.hour":
		return json.RawMessage(strconv.Itoa(at.Hour())), true
	case "time.weekday":
		return json.RawMessage(strconv.Itoa((int(at.Weekday())+6)%7 + 1)), true
	}
	panic("no field " + f.Source)
}

// text is the text of a field's value.
func (k known) text(f Field, e Event) (text string, ok bool) {
	value, ok := k.value(f, e)
	if !ok {
		return "", false
	}
	return textOf(value), true
}

// number is the value of a field that is a JSON number.
func (k known) number(f Field, e Event) (*big.Rat, bool) {
	value, ok := k.value(f, e)
	if !ok || !isNumber(string(value)) {
		return nil, false
	}
	return rational(string(value)), true
}

// property is the JSON that keys lead to in the properties of an event.
func property(e Event, keys []string) (value json.RawMessage, ok bool) {
	value = json.RawMessage(e.Properties)
	for _, key := range keys {
		var object map[string]json.RawMessage
		var array []json.RawMessage
		place, err := strconv.Atoi(key)
		switch {
		case json.Unmarshal(value, &object) == nil:
			value, ok = object[key]
		case json.Unmarshal(value, &array) == nil && err == nil && strconv.Itoa(place) == key && place >= 0 && place < len(array):
			value, ok = array[place], true
		default:
			ok = false
		}
		if !ok {
			return nil, false
		}
	}
	return value, ok
}
