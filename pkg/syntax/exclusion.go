package syntax

import (
	"encoding/json"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// ParseExclusions reads the exclusions of a funnel of so many steps from the texts of a
// parameter: each an event type or * for all, or JSON: an object with event, filter,
// after and before, or an array. Errors are *Error.
func ParseExclusions(texts []string, steps int) ([]Exclusion, error) {
	return exclusionsTo(steps, MaxDepth).parse(texts)
}

// ParseExclusionsJSON reads an exclusion or an array of them from JSON. Errors are *Error.
func ParseExclusionsJSON(data []byte, steps int) ([]Exclusion, error) {
	return exclusionsTo(steps, MaxDepth).parseJSON(data)
}

// UnmarshalJSON reads one exclusion, of a funnel with as many steps as there may be.
func (x *Exclusion) UnmarshalJSON(data []byte) (err error) {
	*x, err = exclusionsTo(MaxSteps, MaxDepth).one(data)
	return err
}

// exclusionsTo is how exclusions of a funnel of so many steps are read, whose filters have at
// most so many others around their conditions.
func exclusionsTo(steps, depth int) kind[Exclusion] {
	ofType := func(event string) (Exclusion, error) {
		s, err := ofEvent(event)
		return Exclusion{Events: s.Events, After: 1, Before: steps}, err
	}
	return kind[Exclusion]{"exclusions", MaxExclusions, ofType, func(v jsontext.Value) (Exclusion, error) {
		if v.Kind() == '"' {
			return ofText("an event type", ofType)(v)
		}
		return exclusionOf(v, steps, depth)
	}}
}

func exclusionOf(v jsontext.Value, steps, depth int) (x Exclusion, err error) {
	if v.Kind() != '{' {
		return x, notA(v, "an exclusion: an event type or an object")
	}
	x.After, x.Before = 1, steps
	all, err := members(v, "event", "filter", "after", "before")
	for _, m := range all {
		switch m.name {
		case "event":
			x.Events, err = eventsOf(m.value)
		case "filter":
			if x.Filter, err = Everywhere.filterOf(m.value, depth); err == nil {
				err = Bound(x.Filter)
			}
		case "after":
			x.After, err = stepOf(m.value, 1, steps-1)
		case "before":
			x.Before, err = stepOf(m.value, 2, steps)
		}
		if err != nil {
			return Exclusion{}, At("."+m.name, err)
		}
	}
	if err == nil && x.After >= x.Before {
		err = At(".before", fmt.Errorf("is %d, which is not behind step %d", x.Before, x.After))
	}
	return x, err
}

// MarshalJSON writes the canonical form, which reads as the same exclusion.
func (x Exclusion) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Event  any    `json:"event"`
		Filter Filter `json:"filter,omitzero"`
		After  int    `json:"after"`
		Before int    `json:"before"`
	}{eventOf(x.Events), x.Filter, x.After, x.Before})
}
