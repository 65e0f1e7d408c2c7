package syntax

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/decimal"
	"eventanalytics/pkg/property"
)

// Test is a condition ready to look at values. It is safe for concurrent use.
//
//   - = and != and in compare texts (property.Value.Text). A value of the condition that
//     is written as a number stands for its canonical text as well as for itself: =10.0
//     finds the numbers 10, 10.0 and 1e1 and the texts "10" and "10.0".
//   - ~ says whether the text contains the condition's.
//   - > >= < <= with a value that is written as a number hold only for JSON numbers,
//     which they compare exactly; with another value only for JSON strings, which they
//     compare by code points.
//   - matches finds its regular expression anywhere in the text.
//   - has holds for arrays with an element that = would hold for.
//   - since and before hold for JSON strings that are an RFC 3339 date or date-time, on
//     or after the condition's, or before it. Dates are midnights in a time zone.
//   - exists and missing say whether there is a value. All others fail without one.
type Test struct {
	Op string
	// Equal are the texts of = and != and in and has.
	Equal []string
	// Text is that of ~, and of an order between texts.
	Text string
	// Number is that of an order between numbers, and IsNumber says that it is one.
	Number   decimal.Decimal
	IsNumber bool
	// Regexp is that of matches.
	Regexp *regexp.Regexp
	// Instant is what since and before compare instants with: microseconds since 1970
	// UTC, the first that since holds for and before does not.
	Instant int64

	bound   bound
	equal   map[string]bool
	numbers map[float64]bool // nearest to those of equal that are numbers
	float   float64          // nearest to Number
}

// Test prepares the condition. The zone is that of dates without a time.
func (c Condition) Test(zone *calendar.Zone) *Test {
	t := &Test{Op: c.Op}
	switch {
	case c.Op == In || c.Op == "=" || c.Op == "!=" || c.Op == Has:
		t.equal, t.numbers = map[string]bool{}, map[float64]bool{}
		for _, value := range c.Values {
			t.add(value)
			if n, ok := decimal.Parse(value); ok {
				t.add(n.String())
				t.numbers[n.Float()] = true
			}
		}
	case c.Op == "~":
		t.Text = c.Values[0]
	case c.Op == Matches:
		t.Regexp = regexp.MustCompile(c.Values[0]) // it was read before
	case c.Op == Since || c.Op == Before:
		t.bound = boundOf(c.Values[0], zone)
		t.Instant = t.bound.micros()
	case c.ordered():
		t.Text = c.Values[0]
		t.Number, t.IsNumber = decimal.Parse(t.Text)
		t.float = t.Number.Float()
	}
	return t
}

func (t *Test) add(text string) {
	if !t.equal[text] {
		t.equal[text] = true
		t.Equal = append(t.Equal, text)
	}
}

// HoldsText says whether the condition holds for a JSON string, or the type or user id
// of an event. Go compares the bytes of UTF-8,
// which are in the order of code points.
func (t *Test) HoldsText(text string) bool {
	switch t.Op {
	case Exists:
		return true
	case Missing, Has:
		return false
	case Matches:
		return t.Regexp.MatchString(text)
	case Since, Before:
		passed, ok := t.bound.passed(text)
		return ok && passed == (t.Op == Since)
	case "~":
		return strings.Contains(text, t.Text)
	case "=", In:
		return t.equal[text]
	case "!=":
		return !t.equal[text]
	}
	return !t.IsNumber && t.inOrder(strings.Compare(text, t.Text))
}

func (t *Test) inOrder(compared int) bool {
	switch t.Op {
	case ">":
		return compared > 0
	case ">=":
		return compared >= 0
	case "<":
		return compared < 0
	default:
		return compared <= 0
	}
}

// HoldsInteger says whether the condition holds for a number, such as an hour.
func (t *Test) HoldsInteger(n int64) bool {
	return t.Holds(property.OfInteger(n))
}

// HoldsInstant says whether since, before, exists or missing holds for an instant, in
// microseconds since 1970 UTC.
func (t *Test) HoldsInstant(us int64) bool {
	switch t.Op {
	case Since:
		return us >= t.Instant
	case Before:
		return us < t.Instant
	}
	return t.Op == Exists
}

// Holds says whether the condition holds for a property.
func (t *Test) Holds(v property.Value) bool {
	switch {
	case v.Missing():
		return t.Op == Missing
	case t.Op == Has:
		for element := range v.Elements() {
			if t.equal[element.Text()] {
				return true
			}
		}
		return false
	case v.IsNumber() && (t.equal != nil || t.IsNumber):
		return t.holdsNumber(v)
	case !v.IsText() && (t.ordered() || t.Op == Since || t.Op == Before):
		return false
	}
	return t.HoldsText(v.Text())
}

func (t *Test) ordered() bool { return t.Op[0] == '<' || t.Op[0] == '>' }

// holdsNumber compares the nearest floats first. They are in the same order, so that
// only where they are equal the digits have to be looked at.
func (t *Test) holdsNumber(v property.Value) bool {
	x, err := strconv.ParseFloat(v.JSON(), 64)
	if err != nil {
		x = math.Inf(1) // no event has one
	}
	if t.equal != nil {
		return (t.numbers[x] && t.equal[v.Text()]) == (t.Op != "!=")
	}
	switch {
	case x < t.float:
		return t.inOrder(-1)
	case x > t.float:
		return t.inOrder(1)
	}
	n, _ := decimal.Parse(v.JSON()) // it is valid
	return t.inOrder(decimal.Compare(n, t.Number))
}
