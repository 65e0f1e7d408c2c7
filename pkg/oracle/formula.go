package oracle

import (
	"fmt"
	"strconv"
	"strings"
)

// Formula computes a value of those of series: A, B and so on in their order, numbers,
// + - * / and parentheses. Its operations are those of float64; what is not finite is
// null.
type Formula struct {
	Text, Name string // Name may be empty
}

// names says whether the formula names the i-th series.
func (f Formula) names(i int) bool { return strings.Contains(f.Text, letter(i)) }

func letter(i int) string { return string(rune('A' + i)) }

// of computes the formula; nil is null, in and out.
func (f Formula) of(series []*float64) *float64 {
	p := &parser{rest: strings.ReplaceAll(f.Text, " ", ""), series: series}
	value := p.sum()
	if p.rest != "" {
		panic(fmt.Sprintf("formula %q: %q is left", f.Text, p.rest))
	}
	return value
}

// parser computes while it reads: no white space is left in a formula.
type parser struct {
	rest   string
	series []*float64
}

// takes says whether one of the characters comes next, and which; it is read then.
func (p *parser) takes(one string) (c byte, ok bool) {
	if p.rest == "" || !strings.Contains(one, p.rest[:1]) {
		return 0, false
	}
	c, p.rest = p.rest[0], p.rest[1:]
	return c, true
}

func (p *parser) sum() *float64 {
	value := p.product()
	for op, ok := p.takes("+-"); ok; op, ok = p.takes("+-") {
		value = operate(op, value, p.product())
	}
	return value
}

func (p *parser) product() *float64 {
	value := p.factor()
	for op, ok := p.takes("*/"); ok; op, ok = p.takes("*/") {
		value = operate(op, value, p.factor())
	}
	return value
}

func (p *parser) factor() *float64 {
	if _, ok := p.takes("-"); ok {
		return operate('-', new(float64), p.factor())
	}
	if _, ok := p.takes("("); ok {
		value := p.sum()
		if _, ok := p.takes(")"); !ok {
			panic("a parenthesis is open")
		}
		return value
	}
	if c, ok := p.takes("ABCDEFGHIJ"); ok {
		return p.series[c-'A']
	}
	digits := p.rest[:len(p.rest)-len(strings.TrimLeft(p.rest, "0123456789."))]
	p.rest = p.rest[len(digits):]
	number, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		panic(err) // the test that asks wrote it
	}
	return &number
}

func operate(op byte, a, b *float64) *float64 {
	if a == nil || b == nil || op == '/' && *b == 0 {
		return nil
	}
	x, y := *a, *b
	return finite(map[byte]float64{'+': x + y, '-': x - y, '*': x * y, '/': x / y}[op])
}
