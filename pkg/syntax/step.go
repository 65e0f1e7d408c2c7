package syntax

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"eventanalytics/pkg/decimal"
)

// stepsTo is how steps are read whose filters have at most so many others around their
// conditions.
func stepsTo(depth int) kind[Series] {
	return kind[Series]{"steps", MaxSteps, ofEvent, func(v jsontext.Value) (Series, error) {
		s, err := seriesTo(v, depth)
		switch {
		case err != nil:
		case s.Measure.Name != "":
			err = At(".measure", errors.New("cannot be in a step: it is users that are counted"))
		case s.Rolling != 0:
			err = At(".rolling", errors.New("cannot be in a step"))
		}
		return s, err
	}}
}

// ParseSteps reads the steps of a funnel from the texts of a parameter: series without a
// measure. Errors are *Error.
func ParseSteps(texts []string) ([]Series, error) { return enoughSteps(stepsTo(MaxDepth).parse(texts)) }

// ParseStepsJSON reads an array of steps from JSON. Errors are *Error.
func ParseStepsJSON(data []byte) ([]Series, error) {
	return enoughSteps(stepsTo(MaxDepth).parseJSON(data))
}

func enoughSteps(steps []Series, err error) ([]Series, error) {
	if err == nil && len(steps) < MinSteps {
		err = At("", fmt.Errorf("has %d steps; %d to %d are allowed", len(steps), MinSteps, MaxSteps))
	}
	return steps, err
}

// MaxWindow is the longest that a funnel may take.
const MaxWindow = 366 * 24 * time.Hour

var edgeKind = kind[decimal.Decimal]{"edges", MaxBins, edge, func(v jsontext.Value) (decimal.Decimal, error) {
	if v.Kind() != '0' {
		return decimal.Decimal{}, notA(v, "a number of seconds")
	}
	return edge(string(v))
}}

// edge reads a number of seconds.
func edge(text string) (decimal.Decimal, error) {
	n, ok := decimal.Parse(text)
	switch {
	case !ok || len(text) > maxDigits:
		return n, errors.New("is not a number of seconds")
	case decimal.Compare(n, decimal.Decimal{}) < 0 || decimal.Compare(n, decimal.OfInteger(int64(MaxWindow/time.Second))) > 0:
		return n, fmt.Errorf("is not between 0 and %d", MaxWindow/time.Second)
	}
	if digits, point, _ := n.Parts(); int64(len(digits))-point > microDigits {
		return n, errors.New("is finer than a microsecond")
	}
	return n, nil
}

// microDigits are those of a second that microseconds have.
const microDigits = 6

// Micros returns the edges in microseconds.
func (s Seconds) Micros() []int64 {
	edges := make([]int64, len(s))
	for i, n := range s {
		digits, point, _ := n.Parts()
		zeros := strings.Repeat("0", int(point)+microDigits-len(digits))
		edges[i], _ = strconv.ParseInt("0"+digits+zeros, 10, 64) // it was read before
	}
	return edges
}

// ParseSeconds reads the edges of bins from the texts of a parameter: each a number of
// seconds, or an array of them. Errors are *Error.
func ParseSeconds(texts []string) ([]decimal.Decimal, error) {
	return ascending(edgeKind.parse(texts))
}

// ParseSecondsJSON reads an array of such numbers from JSON. Errors are *Error.
func ParseSecondsJSON(data []byte) ([]decimal.Decimal, error) {
	return ascending(edgeKind.parseJSON(data))
}

func ascending(edges []decimal.Decimal, err error) ([]decimal.Decimal, error) {
	if err == nil && len(edges) < 2 {
		err = At("", fmt.Errorf("has %d edges; 2 to %d are allowed", len(edges), MaxBins))
	}
	for i := 1; i < len(edges) && err == nil; i++ {
		if decimal.Compare(edges[i-1], edges[i]) >= 0 {
			err = At(place(i, true), errors.New("is not greater than the edge before it"))
		}
	}
	return edges, err
}

// MarshalJSON writes an array of numbers.
func (s Seconds) MarshalJSON() ([]byte, error) { return json.Marshal(numbersOf(s)) }

// UnmarshalJSON reads what ParseSecondsJSON reads.
func (s *Seconds) UnmarshalJSON(data []byte) (err error) {
	*s, err = ParseSecondsJSON(data)
	return err
}
