package syntax

import (
	"fmt"
	"math"
	"strconv"
	"strings"

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
//   - exists and missing say whether there is a value. All others fail without one.
type Test struct {
	Op string
	// Equal are the texts of = and != and in.
	Equal []string
	// Text is that of ~, and of an order between texts.
	Text string
	// Number is that of an order between numbers, and IsNumber says that it is one.
	Number   decimal.Decimal
	IsNumber bool

	equal   map[string]bool
	numbers map[float64]bool // nearest to those of equal that are numbers
	float   float64          // nearest to Number
}

// Test prepares the condition.
func (c Condition) Test() *Test {
	t := &Test{Op: c.Op}
	switch {
	case c.Op == In || c.Op == "=" || c.Op == "!=":
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

// HoldsText says whether the condition holds for a text. Go compares the bytes of UTF-8,
// which are in the order of code points.
func (t *Test) HoldsText(text string) bool {
	switch t.Op {
	case Exists:
		return true
	case Missing:
		return false
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

// Holds says whether the condition holds for a property.
func (t *Test) Holds(v property.Value) bool {
	switch {
	case v.Missing():
		return t.Op == Missing
	case v.IsNumber() && (t.equal != nil || t.IsNumber):
		return t.holdsNumber(v)
	case t.equal == nil && t.Op != "~" && t.Op != Exists && t.Op != Missing && !v.IsText():
		return false // there is no order
	}
	return t.HoldsText(v.Text())
}

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

// OfProperties returns what says whether all conditions, which are on properties, hold
// for the properties of an event: JSON, or empty. Each property is looked up once.
func OfProperties(conditions []Condition) func(properties string) bool {
	type lookUp struct {
		keys  []string
		tests []*Test
	}
	var lookUps []*lookUp
	known := map[string]*lookUp{}
	for _, f := range conditions {
		path := fmt.Sprintf("%q", f.Field.Keys)
		if known[path] == nil {
			known[path] = &lookUp{keys: f.Field.Keys}
			lookUps = append(lookUps, known[path])
		}
		known[path].tests = append(known[path].tests, f.Test())
	}
	return func(properties string) bool {
		for _, l := range lookUps {
			v := property.Find(properties, l.keys)
			for _, t := range l.tests {
				if !t.Holds(v) {
					return false
				}
			}
		}
		return true
	}
}
