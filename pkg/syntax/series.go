package syntax

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// AllEvents is the event type of a series that stands for all of them.
const AllEvents = "*"

// MaxRolling is the maximum number of buckets that a value is of.
const MaxRolling = 366

var measures = []string{Users, Events, PerUser, Sum, Avg, Min, Max, Median, P75, P90, P95, P99, Distinct}

// ofField says whether a measure is one of the values in a field.
func ofField(measure string) bool {
	return slices.Index(measures, measure) >= slices.Index(measures, Sum)
}

// ParseMeasure reads the text of a measure: users, events, per_user, or another of a
// field, as sum(properties.price).
func ParseMeasure(text string) (Measure, error) {
	name, rest, hasField := strings.Cut(text, "(")
	name = strings.Trim(name, " ")
	switch {
	case !slices.Contains(measures, name):
		return Measure{}, fmt.Errorf("is no measure; there are users, events, per_user, and of a field %s, as in sum(properties.price)", strings.Join(measures[3:], ", "))
	case !hasField && ofField(name):
		return Measure{}, fmt.Errorf("has no field, as in %s(properties.price)", name)
	case !hasField:
		return Measure{Name: name}, nil
	case !ofField(name):
		return Measure{}, fmt.Errorf("has a field, which %s does not take", name)
	}
	inner, err := closed(strings.TrimRight(rest, " "))
	if err != nil {
		return Measure{}, err
	}
	field, err := ParseField(inner)
	return Measure{name, field}, err
}

// String returns the canonical text.
func (m Measure) String() string {
	if !ofField(m.Name) {
		return m.Name
	}
	return m.Name + "(" + m.Field.String() + ")"
}

// MarshalText returns the canonical text.
func (m Measure) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads what ParseMeasure reads.
func (m *Measure) UnmarshalText(text []byte) (err error) {
	*m, err = ParseMeasure(string(text))
	return err
}

var seriesKind = kind[Series]{"series", MaxSeries, ofEvent, seriesOf}

// ParseSeries reads series from the texts of a parameter: each an event type or * for all,
// or JSON: an object with event, filter, first, measure, rolling and name, or an array.
// Errors are *Error.
func ParseSeries(texts []string) ([]Series, error) { return seriesKind.parse(texts) }

// ParseSeriesJSON reads a series or an array of them from JSON. Errors are *Error.
func ParseSeriesJSON(data []byte) ([]Series, error) { return seriesKind.parseJSON(data) }

// UnmarshalJSON reads one series.
func (s *Series) UnmarshalJSON(data []byte) (err error) {
	*s, err = seriesKind.one(data)
	return err
}

// ofEvent is the series of an event type.
func ofEvent(event string) (Series, error) {
	if event == AllEvents {
		return Series{}, nil
	}
	if event == "" {
		return Series{}, errors.New("is no event type")
	}
	return Series{Events: []string{event}}, checkText(event, maxName)
}

// seriesOf reads a series with any of the members that one can have.
func seriesOf(v jsontext.Value) (Series, error) { return seriesTo(v, MaxDepth) }

// seriesTo reads one whose filter has at most so many others around its conditions.
func seriesTo(v jsontext.Value, depth int) (Series, error) {
	return seriesWith(v, depth, "event", "filter", "first", "measure", "rolling", "name")
}

// seriesWith reads a series with some members. Its filter has at most so many others
// around its conditions.
func seriesWith(v jsontext.Value, depth int, known ...string) (s Series, err error) {
	if v.Kind() == '"' {
		s, err := ofEvent(textOf(v))
		return s, quoted(textOf(v), err)
	}
	if v.Kind() != '{' {
		return Series{}, notA(v, "a series: an event type or an object")
	}
	all, err := members(v, known...)
	for _, m := range all {
		switch m.name {
		case "event":
			s.Events, err = eventsOf(m.value)
		case "filter":
			if s.Filter, err = Everywhere.filterOf(m.value, depth); err == nil {
				err = Bound(s.Filter)
			}
		case "first":
			s.First, err = m.value.Kind() == 't', isBool(m.value)
		case "measure":
			s.Measure, err = ofText("the text of a measure", ParseMeasure)(m.value)
		case "rolling":
			s.Rolling, err = rollingOf(m.value)
		case "name":
			s.Name, err = nameOf(m.value)
		}
		if err != nil {
			return Series{}, At("."+m.name, err)
		}
	}
	return s, err
}

// eventsOf reads an event type, or an array of them.
func eventsOf(v jsontext.Value) ([]string, error) {
	if v.Kind() != '[' {
		s, err := ofText("an event type, or an array of them", ofEvent)(v)
		return s.Events, err
	}
	types := elements(v)
	if len(types) == 0 || len(types) > MaxValues {
		return nil, fmt.Errorf("has %d event types; 1 to %d are allowed", len(types), MaxValues)
	}
	var events []string
	for i, one := range types {
		s, err := ofText("an event type", ofEvent)(one)
		if err == nil && s.Events == nil && len(types) > 1 {
			err = errors.New(`"*" stands for all event types, so there can be no others`)
		}
		if err != nil {
			return nil, At(place(i, true), err)
		}
		if s.Events != nil && !slices.Contains(events, s.Events[0]) {
			events = append(events, s.Events[0])
		}
	}
	return events, nil
}

func isBool(v jsontext.Value) error {
	if v.Kind() != 't' && v.Kind() != 'f' {
		return notA(v, "true or false")
	}
	return nil
}

func rollingOf(v jsontext.Value) (int, error) {
	n, err := strconv.Atoi(string(v))
	if err != nil || n < 2 || n > MaxRolling {
		return 0, fmt.Errorf("is not a whole number from 2 to %d", MaxRolling)
	}
	return n, nil
}

// MarshalJSON writes the canonical form, which reads as the same series: the event type
// alone if there is nothing else to say.
func (s Series) MarshalJSON() ([]byte, error) {
	event := eventOf(s.Events)
	if len(s.Events) < 2 && s.Filter.IsZero() && !s.First && s.Measure.Name == "" && s.Rolling == 0 && s.Name == "" {
		return json.Marshal(event)
	}
	return json.Marshal(struct {
		Event   any    `json:"event"`
		Filter  Filter `json:"filter,omitzero"`
		First   bool   `json:"first,omitempty"`
		Measure string `json:"measure,omitempty"`
		Rolling int    `json:"rolling,omitempty"`
		Name    string `json:"name,omitempty"`
	}{event, s.Filter, s.First, s.Measure.String(), s.Rolling, s.Name})
}

// eventOf is how event types are written: one as it is, all as a text of their own.
func eventOf(types []string) any {
	switch len(types) {
	case 0:
		return AllEvents
	case 1:
		return types[0]
	}
	return types
}
