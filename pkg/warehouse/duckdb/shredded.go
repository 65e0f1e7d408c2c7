package duckdb

import (
	"slices"
	"strconv"

	"eventanalytics/pkg/decimal"
	"eventanalytics/pkg/property"
	"eventanalytics/pkg/warehouse/pages"
)

// shredded has columns of properties.
type shredded struct {
	places map[string]int // by key
	of     []propertyColumn
}

type propertyColumn struct {
	chosen
	missing  []bool
	texts    []string
	integers []int64
	numbers  []float64
}

func newShredded(properties []chosen, rows int) shredded {
	s := shredded{places: map[string]int{}, of: make([]propertyColumn, len(properties))}
	for i, c := range properties {
		s.places[c.key] = i
		p := &s.of[i]
		p.chosen, p.missing = c, slices.Repeat([]bool{true}, rows)
		switch c.kind {
		case Text:
			p.texts = make([]string, rows)
		case Integer:
			p.integers = make([]int64, rows)
		case Number:
			p.numbers = make([]float64, rows)
		}
	}
	return s
}

func (s *shredded) add(row int, properties string) {
	if len(s.of) == 0 {
		return
	}
	for key, value := range property.Members(properties) {
		i, ok := s.places[key]
		if !ok {
			continue
		}
		p := &s.of[i]
		if !p.missing[row] { // of a key that comes twice, the first counts
			continue
		}
		p.missing[row] = false
		switch p.kind {
		case Text:
			p.texts[row] = value.Text()
		case Integer:
			p.integers[row], _ = strconv.ParseInt(value.JSON(), 10, 64) // it was looked at
		case Number:
			n, _ := decimal.Parse(value.JSON())
			p.numbers[row] = n.Float() + 0 // no -0, which Bloom filters tell from 0
		}
	}
}

func (s *shredded) columns() (all []pages.Column) {
	for i := range s.of {
		p := &s.of[i]
		switch p.kind {
		case Text:
			all = append(all, pages.Texts(p.name(), p.texts, p.missing))
		case Integer:
			all = append(all, pages.Integers(p.name(), p.integers, p.missing))
		case Number:
			all = append(all, pages.Numbers(p.name(), p.numbers, p.missing))
		}
	}
	return all
}
