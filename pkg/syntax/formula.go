package syntax

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Bounds on a formula: code points, and parentheses and signs inside each other.
const (
	MaxFormula = 1000
	maxNesting = 50
)

// ParseFormulas reads formulas over so many series from the texts of a parameter: each a
// formula, or JSON: {"formula": …, "name": …} or an array. Errors are *Error.
func ParseFormulas(texts []string, series int) ([]Formula, error) {
	return formulaKind(series).parse(texts)
}

// ParseFormulasJSON reads a formula or an array of them from JSON. Errors are *Error.
func ParseFormulasJSON(data []byte, series int) ([]Formula, error) {
	return formulaKind(series).parseJSON(data)
}

// UnmarshalJSON reads one formula, over as many series as there may be.
func (f *Formula) UnmarshalJSON(data []byte) (err error) {
	*f, err = formulaKind(MaxSeries).one(data)
	return err
}

// MarshalJSON writes the canonical form, which reads as the same: the text alone when
// there is no name.
func (f Formula) MarshalJSON() ([]byte, error) {
	if f.Name == "" {
		return json.Marshal(f.Text)
	}
	return json.Marshal(struct {
		Formula string `json:"formula"`
		Name    string `json:"name"`
	}{f.Text, f.Name})
}

func formulaKind(series int) kind[Formula] {
	parse := func(text string) (Formula, error) { return ParseFormula(text, series) }
	return kind[Formula]{"formulas", MaxFormulas, parse, func(v jsontext.Value) (f Formula, err error) {
		if v.Kind() == '"' {
			return ofText("a formula", parse)(v)
		}
		if v.Kind() != '{' {
			return f, notA(v, `a formula, or an object with "formula" and "name"`)
		}
		name := ""
		all, err := members(v, "formula", "name")
		for _, m := range all {
			if m.name == "formula" {
				f, err = ofText("a formula", parse)(m.value)
			} else {
				name, err = nameOf(m.value)
			}
			if err != nil {
				return Formula{}, At("."+m.name, err)
			}
		}
		if f.Name = name; err == nil && f.Text == "" {
			err = errors.New("has no formula")
		}
		return f, err
	}}
}

// ParseFormula reads a formula over so many series, which are called A, B and so on:
// numbers such as 100 and 0.5, + - * / and parentheses. * and / bind more than + and -,
// and operators of one kind go from left to right.
func ParseFormula(text string, series int) (Formula, error) {
	if err := checkText(text, MaxFormula); err != nil {
		return Formula{}, err
	}
	p := formulaParser{rest: text, series: series}
	if err := p.sum(); err != nil {
		return Formula{}, err
	}
	if next := p.next(); next != 0 {
		return Formula{}, p.unexpected()
	}
	if !p.named {
		return Formula{}, errors.New("names no series, as in A/B")
	}
	return Formula{Text: text, Steps: p.steps}, nil
}

// formulaParser descends recursively; each method appends what it read to steps.
type formulaParser struct {
	rest    string
	series  int
	nesting int
	named   bool
	steps   []Step
}

// next returns the next character that is not a space, or 0.
func (p *formulaParser) next() byte {
	if p.rest = strings.TrimLeft(p.rest, " "); p.rest == "" {
		return 0
	}
	return p.rest[0]
}

func (p *formulaParser) unexpected() error {
	if p.rest == "" {
		return errors.New("ends where a number, a series or a parenthesis is expected")
	}
	for _, c := range p.rest {
		return fmt.Errorf("has %q where it has no meaning: a formula has series A, B, …, numbers, + - * / and parentheses", c)
	}
	return nil
}

func (p *formulaParser) sum() error     { return p.chain("+-", p.product) }
func (p *formulaParser) product() error { return p.chain("*/", p.factor) }

// chain reads operands with operators between them.
func (p *formulaParser) chain(operators string, operand func() error) error {
	if err := operand(); err != nil {
		return err
	}
	for op := p.next(); op != 0 && strings.IndexByte(operators, op) >= 0; op = p.next() {
		p.rest = p.rest[1:]
		if err := operand(); err != nil {
			return err
		}
		p.steps = append(p.steps, Step{Op: string(op)})
	}
	return nil
}

func (p *formulaParser) factor() error {
	if p.nesting++; p.nesting > maxNesting {
		return fmt.Errorf("is nested more than %d deep", maxNesting)
	}
	defer func() { p.nesting-- }()
	switch c := p.next(); {
	case c == '-':
		p.rest = p.rest[1:]
		if err := p.factor(); err != nil {
			return err
		}
		p.steps = append(p.steps, Step{Op: "negate"})
		return nil
	case c == '(':
		p.rest = p.rest[1:]
		if err := p.sum(); err != nil {
			return err
		}
		if p.next() != ')' {
			return errors.New("has no closing parenthesis")
		}
		p.rest = p.rest[1:]
		return nil
	case c >= '0' && c <= '9':
		return p.number()
	case c >= 'A' && c < 'A'+MaxSeries:
		n := int(c - 'A')
		if n >= p.series {
			return fmt.Errorf("names the series %c, but there are %d", c, p.series)
		}
		p.rest, p.named = p.rest[1:], true
		p.steps = append(p.steps, Step{Op: "series", Series: n})
		return nil
	}
	return p.unexpected()
}

func (p *formulaParser) number() error {
	end := len(p.rest) - len(strings.TrimLeft(p.rest, "0123456789."))
	n, err := strconv.ParseFloat(p.rest[:end], 64)
	if err != nil || math.IsInf(n, 0) {
		return fmt.Errorf("has a number that cannot be read, %q", p.rest[:end])
	}
	p.rest = p.rest[end:]
	p.steps = append(p.steps, Step{Op: "number", Number: n})
	return nil
}
