package syntax

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"eventanalytics/pkg/decimal"
)

func (g Grammar) breakdowns() kind[Breakdown] {
	return kind[Breakdown]{"fields", MaxBreakdown, g.ofFieldText, g.breakdownOf}
}

func (g Grammar) ofFieldText(text string) (Breakdown, error) {
	f, err := g.ParseField(text)
	return Breakdown{Field: f}, err
}

// ParseBreakdown reads the fields of a breakdown from the texts of a parameter: each a
// field, or JSON: {"field": …, "bins": [edges]} or an array. Errors are *Error.
func ParseBreakdown(texts []string) ([]Breakdown, error) { return Everywhere.ParseBreakdown(texts) }

// ParseBreakdown reads fields that the grammar has.
func (g Grammar) ParseBreakdown(texts []string) ([]Breakdown, error) {
	return distinctFields(g.breakdowns().parse(texts))
}

// ParseBreakdownJSON reads a field of a breakdown or an array of them from JSON. Errors
// are *Error.
func ParseBreakdownJSON(data []byte) ([]Breakdown, error) { return Everywhere.ParseBreakdownJSON(data) }

// ParseBreakdownJSON reads fields that the grammar has.
func (g Grammar) ParseBreakdownJSON(data []byte) ([]Breakdown, error) {
	return distinctFields(g.breakdowns().parseJSON(data))
}

// distinctFields refuses a field twice: each is a column of the answer.
func distinctFields(all []Breakdown, err error) ([]Breakdown, error) {
	known := map[string]bool{}
	for i, b := range all {
		name := b.Field.String()
		if known[name] {
			return nil, At(place(i, true), quoted(name, errors.New("is there twice")))
		}
		known[name] = true
	}
	return all, err
}

// UnmarshalJSON reads one field of a breakdown, of any grammar.
func (b *Breakdown) UnmarshalJSON(data []byte) (err error) {
	*b, err = OfSessions.breakdowns().one(data)
	return err
}

func (g Grammar) breakdownOf(v jsontext.Value) (b Breakdown, err error) {
	if v.Kind() == '"' {
		return ofText("a field", g.ofFieldText)(v)
	}
	if v.Kind() != '{' {
		return b, notA(v, `a field, or an object with "field" and "bins"`)
	}
	all, err := members(v, "field", "bins")
	for _, m := range all {
		if m.name == "field" {
			b.Field, err = ofText("the text of a field", g.ParseField)(m.value)
		} else {
			b.Bins, err = binsOf(m.value)
		}
		if err != nil {
			return Breakdown{}, At("."+m.name, err)
		}
	}
	if err == nil && b.Field.Source == "" {
		err = errors.New("has no field")
	}
	return b, err
}

// binsOf reads the edges of bins.
func binsOf(v jsontext.Value) ([]decimal.Decimal, error) {
	if v.Kind() != '[' {
		return nil, notA(v, "an array of numbers")
	}
	edges := elements(v)
	if len(edges) == 0 || len(edges) > MaxBins {
		return nil, fmt.Errorf("has %d edges; 1 to %d are allowed", len(edges), MaxBins)
	}
	var bins []decimal.Decimal
	for i, edge := range edges {
		n, ok := decimal.Parse(string(edge))
		switch {
		case !ok:
			return nil, At(place(i, true), notA(edge, "a number"))
		case len(edge) > maxDigits:
			return nil, At(place(i, true), fmt.Errorf("has more than %d characters", maxDigits))
		case i > 0 && decimal.Compare(bins[i-1], n) >= 0:
			return nil, At(place(i, true), errors.New("is not greater than the edge before it"))
		}
		bins = append(bins, n)
	}
	return bins, nil
}

// Bin names the bin that a number is in; there is at least one edge.
func (b Breakdown) Bin(n decimal.Decimal) string {
	for i, edge := range b.Bins {
		switch {
		case decimal.Compare(n, edge) >= 0:
		case i == 0:
			return "<" + edge.String()
		default:
			return "[" + b.Bins[i-1].String() + "," + edge.String() + ")"
		}
	}
	return ">=" + b.Bins[len(b.Bins)-1].String()
}

// maxDigits is the maximum length of a number.
const maxDigits = 100

// MarshalJSON writes the canonical form, which reads as the same: the field alone when
// there are no bins.
func (b Breakdown) MarshalJSON() ([]byte, error) {
	if len(b.Bins) == 0 {
		return json.Marshal(b.Field)
	}
	return json.Marshal(struct {
		Field Field         `json:"field"`
		Bins  []json.Number `json:"bins"`
	}{b.Field, numbersOf(b.Bins)})
}

func numbersOf(edges []decimal.Decimal) []json.Number {
	numbers := make([]json.Number, len(edges))
	for i, n := range edges {
		numbers[i] = json.Number(n.String())
	}
	return numbers
}
