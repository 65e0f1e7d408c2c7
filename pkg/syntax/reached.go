package syntax

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// What a funnel is without a word on it.
const (
	inOrder    = "ordered"
	anyOrder   = "any"
	usualTime  = 7 * 24 * time.Hour
	leastTime  = time.Second
	funnelWord = string(ReachedSo)
)

// reachedOf reads {"funnel": funnel, "reached": step, "dropped": bool}. The filters of the
// funnel have at most so many others around their conditions.
func reachedOf(v jsontext.Value, depth int) (*Reached, error) {
	all, err := members(v, funnelWord, "reached", "dropped")
	if err != nil {
		return nil, err
	}
	r := &Reached{}
	for _, m := range all { // which steps there are is known first
		if m.name == funnelWord {
			if r.Funnel, err = funnelOf(m.value, depth); err != nil {
				return nil, At("."+funnelWord, err)
			}
		}
	}
	r.Step = len(r.Funnel.Steps)
	for _, m := range all {
		switch m.name {
		case "reached":
			r.Step, err = stepOf(m.value, 1, len(r.Funnel.Steps))
		case "dropped":
			r.Dropped, err = m.value.Kind() == 't', isBool(m.value)
		}
		if err != nil {
			return nil, At("."+m.name, err)
		}
	}
	return r, nil
}

// funnelOf reads the object of a funnel.
func funnelOf(v jsontext.Value, depth int) (f Funnel, err error) {
	if v.Kind() != '{' {
		return f, notA(v, "a funnel: an object with steps")
	}
	f.Window, f.Order = usualTime, inOrder
	all, err := members(v, "steps", "window", "order", "exclude", "filter")
	for _, m := range all {
		switch m.name {
		case "steps":
			f.Steps, err = enoughSteps(stepsTo(depth).of(m.value))
		case "window":
			f.Window, err = ofText("a duration such as 7d", func(text string) (time.Duration, error) { return ParseDuration(text, leastTime, MaxWindow) })(m.value)
		case "order":
			f.Order, err = ofText("an order", orderOf)(m.value)
		case "filter":
			f.Filter, err = Everywhere.filterOf(m.value, depth)
		}
		if err != nil {
			return f, At("."+m.name, err)
		}
	}
	if err == nil && f.Steps == nil {
		err = errors.New("has no steps")
	}
	for _, m := range all {
		if err != nil || m.name != "exclude" {
			continue
		}
		f.Exclude, err = exclusionsTo(len(f.Steps), depth).of(m.value)
		if err == nil && f.Order == anyOrder {
			err = fmt.Errorf("cannot be with the order %s, where no step is before another", anyOrder)
		}
		err = At("."+m.name, err)
	}
	return f, err
}

func orderOf(text string) (string, error) {
	if text != inOrder && text != anyOrder && text != "strict" {
		return "", fmt.Errorf("is not %s, %s or strict", inOrder, anyOrder)
	}
	return text, nil
}

// stepOf reads the number of a step.
func stepOf(v jsontext.Value, least, most int) (int, error) {
	n, err := strconv.Atoi(string(v))
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("is not the number of a step from %d to %d", least, most)
	}
	return n, nil
}

// Filters are those of the funnel: its own, and those of its steps and exclusions.
func (f *Funnel) Filters() []Filter {
	all := []Filter{f.Filter}
	for _, s := range f.Steps {
		all = append(all, s.Filter)
	}
	for _, x := range f.Exclude {
		all = append(all, x.Filter)
	}
	return all
}

// MarshalJSON writes the canonical form, which reads as the same.
func (r *Reached) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Funnel  Funnel `json:"funnel"`
		Reached int    `json:"reached"`
		Dropped bool   `json:"dropped,omitempty"`
	}{r.Funnel, r.Step, r.Dropped})
}

// MarshalJSON writes the canonical form.
func (f Funnel) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Steps   []Series    `json:"steps"`
		Window  string      `json:"window"`
		Order   string      `json:"order"`
		Exclude []Exclusion `json:"exclude,omitempty"`
		Filter  Filter      `json:"filter,omitzero"`
	}{f.Steps, FormatDuration(f.Window), f.Order, f.Exclude, f.Filter})
}
