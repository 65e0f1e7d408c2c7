package decimal

import (
	"bytes"
	"math"
	"strconv"
)

// maxDigits is how many digits every int64 has place for.
const maxDigits = 18

// None stands among a Scaled's integers for what is no number.
const None = math.MinInt64

// Scaled are numbers as integers times one power of ten. The zero value has none.
type Scaled struct {
	Integers []int64
	exponent int64
	some     bool // one is neither 0 nor None: the exponent matters
	wide     bool // one has more than 18 digits
}

// Scale writes numbers so; ok is false where the integers would have more than 18 digits.
func Scale(numbers []Decimal) (scaled Scaled, ok bool) {
	highest := int64(0)
	for _, d := range numbers {
		if d.digits == "" {
			continue
		}
		if !scaled.some || d.end() < scaled.exponent {
			scaled.exponent = d.end()
		}
		if !scaled.some || d.point > highest {
			highest = d.point
		}
		scaled.some = true
	}
	if highest-scaled.exponent > maxDigits || scaled.exponent < -maxPlaces {
		return Scaled{}, false
	}
	scaled.Integers = make([]int64, len(numbers))
	for i, d := range numbers {
		scaled.Integers[i] = d.integer(scaled.exponent)
	}
	return scaled, true
}

// Append adds a JSON value, which is None unless it is a number. It makes no Decimal of a
// number that is written as most are.
func (s *Scaled) Append(json []byte) {
	if s.wide {
		return // for nothing
	}
	if len(json) == 0 || json[0] != '-' && (json[0] < '0' || json[0] > '9') {
		s.Integers = append(s.Integers, None)
		return
	}
	n, exponent, ok := plain(json)
	if !ok {
		d, isNumber := Parse(string(json))
		if !isNumber || len(d.digits) > maxDigits || d.end() < -maxPlaces {
			s.wide = true
			return
		}
		n, exponent = d.integer(d.end()), d.end()
	}
	if n != 0 {
		if !s.some || exponent < s.exponent {
			s.lower(exponent)
			s.some = true
		}
		n = s.times(n, exponent-s.exponent)
	}
	s.Integers = append(s.Integers, n)
}

// lower writes the integers with an exponent that is not above theirs.
func (s *Scaled) lower(exponent int64) {
	if up := s.exponent - exponent; s.some && up > 0 {
		for i, n := range s.Integers {
			if n != None {
				s.Integers[i] = s.times(n, up)
			}
		}
	}
	s.exponent = exponent
}

// times returns n · 10^up.
func (s *Scaled) times(n, up int64) int64 {
	const limit = 1_000_000_000_000_000_000
	for ; up > 0 && n != 0; up-- {
		if n *= 10; n >= limit || n <= -limit {
			s.wide = true
			return 0
		}
	}
	return n
}

// Align writes the integers of all with one exponent, and returns none with that exponent.
// ok is false where one would have more than 18 digits: then all are good for nothing.
func Align(all []Scaled) (common Scaled, ok bool) {
	for _, s := range all {
		if s.some && (!common.some || s.exponent < common.exponent) {
			common.exponent, common.some = s.exponent, true
		}
	}
	for i := range all {
		if all[i].lower(common.exponent); all[i].wide {
			return Scaled{}, false
		}
	}
	return common, true
}

// Decimals are the numbers, which must be some.
func (s *Scaled) Decimals() []Decimal {
	// They share one text: it takes a fraction of the time that one for each does.
	var digits []byte
	all, ends := make([]Decimal, len(s.Integers)), make([]int, len(s.Integers))
	for i, n := range s.Integers {
		start := len(digits)
		if n != 0 {
			digits = strconv.AppendUint(digits, uint64(max(n, -n)), 10)
			all[i] = Decimal{negative: n < 0, point: int64(len(digits)-start) + s.exponent}
			digits = bytes.TrimRight(digits, "0")
		}
		ends[i] = len(digits)
	}
	text, start := string(digits), 0
	for i, end := range ends {
		all[i].digits, start = text[start:end], end
	}
	return all
}

// Sum is that of a total of some of the integers.
func (s *Scaled) Sum(t Total) *Sum {
	return &Sum{sum: *t.integer(), exponent: s.exponent, count: t.count}
}

// plain reads a JSON number that has at most 18 digits, and no exponent: it is
// n · 10^exponent.
func plain(number []byte) (n, exponent int64, ok bool) {
	negative := number[0] == '-'
	if negative {
		number = number[1:]
	}
	point := len(number)
	for i, c := range number {
		switch {
		case c >= '0' && c <= '9':
			n = 10*n + int64(c-'0')
		case c == '.' && point == len(number):
			point = i
		default:
			return 0, 0, false
		}
	}
	digits := len(number)
	if point < digits {
		digits--
	}
	if digits > maxDigits || point == 0 || point == len(number)-1 || point > 1 && number[0] == '0' {
		return 0, 0, false
	}
	for exponent = int64(point - digits); exponent < 0 && n%10 == 0; exponent++ {
		n /= 10
	}
	if negative {
		n = -n
	}
	return n, exponent, true
}
