package syntax

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Bounds of what a filter did says.
const (
	MaxTimes = 1_000_000_000
	MaxLast  = 3660 * 24 * time.Hour
)

// atLeast is the operator of times that is a number, and once what is meant without it.
const atLeast, once = ">=", 1

// didOf reads {"did": series, "times": …, "last": …}. The filter of the series has at most
// so many others around its conditions.
func didOf(v jsontext.Value, depth int) (*Did, error) {
	d := &Did{Op: atLeast, Times: once}
	all, err := members(v, string(DidSo), "times", "last")
	for _, m := range all {
		switch m.name {
		case string(DidSo):
			d.Series, err = seriesWith(m.value, depth, "event", "filter", "first")
		case "times":
			d.Op, d.Times, err = timesOf(m.value)
		case "last":
			d.Last, err = ofText("a duration such as 30d", func(text string) (time.Duration, error) { return ParseDuration(text, time.Second, MaxLast) })(m.value)
		}
		if err != nil {
			return nil, At("."+m.name, err)
		}
	}
	return d, err
}

// timesOf reads a number, which means at least so many, or the text of an operator and a
// number.
func timesOf(v jsontext.Value) (op string, n int, err error) {
	text := string(v)
	if v.Kind() == '"' {
		text = textOf(v)
	}
	op, digits := operatorAt(strings.Trim(text, " "))
	switch {
	case v.Kind() == '0':
		op, digits = atLeast, text
	case v.Kind() != '"' || op == "" || op == ":" || op == "~":
		return "", 0, fmt.Errorf(`is %s, not a number of events, or one with = != > >= < or <= before it, as in ">=3"`, text)
	}
	digits = strings.TrimLeft(digits, " ")
	number, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || number > MaxTimes {
		return "", 0, fmt.Errorf("has %q, which is not a whole number from 0 to %d", digits, MaxTimes)
	}
	return op, int(number), nil
}

// MarshalJSON writes the canonical form, which reads as the same.
func (d *Did) MarshalJSON() ([]byte, error) {
	written := struct {
		Did   Series `json:"did"`
		Times string `json:"times,omitempty"`
		Last  string `json:"last,omitempty"`
	}{Did: d.Series}
	if d.Op != atLeast || d.Times != once {
		written.Times = d.Op + strconv.Itoa(d.Times)
	}
	if d.Last > 0 {
		written.Last = FormatDuration(d.Last)
	}
	return json.Marshal(written)
}

// Hold says whether so many events are as often as d says.
func (d *Did) Hold(events int64) bool {
	times := int64(d.Times)
	switch d.Op {
	case "=":
		return events == times
	case "!=":
		return events != times
	case ">":
		return events > times
	case ">=":
		return events >= times
	case "<":
		return events < times
	default:
		return events <= times
	}
}
