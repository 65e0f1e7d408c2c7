package duckdb

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"eventanalytics/pkg/decimal"
	"eventanalytics/pkg/property"
	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/pkg/warehouse/segment"
)

const (
	// shredFrom is the minimum number of events of a segment whose properties are
	// shredded: reading the JSON of fewer takes no time, and small loads should take
	// none either.
	shredFrom = 20_000
	// shredShare is how many in a hundred events must have a key.
	shredShare       = 5
	maxShredded      = 16
	maxShreddedBytes = 64 // of a key
)

// chosen is a property that gets a column.
type chosen struct{ key, kind string }

func (c chosen) name() string { return c.kind + ":" + c.key }

// choose returns the properties of events that get a column, by the names of these: keys that
// many events have, whose values are of one kind, and not nearly all different, as ids are.
// have says how many events have each.
func choose(t *table, have map[string]rollup.Kinds) (columns []chosen) {
	all := map[string]*looked{}
	for _, key := range commonKeys(int64(len(t.order)), have) {
		all[key] = look(have[key])
	}
	for _, e := range t.each() {
		for key, value := range property.Members(e.Properties) {
			if l := all[key]; l != nil {
				l.add(value)
			}
		}
	}
	for key, l := range all {
		if kind := l.kind(); kind != "" {
			columns = append(columns, chosen{key, kind})
		}
	}
	slices.SortFunc(columns, func(a, b chosen) int { return strings.Compare(a.name(), b.name()) })
	return columns
}

// columnsOfAll returns the properties with columns in segments that all have the same ones, nil
// where they do not.
func columnsOfAll(in []segment.Segment) (columns []chosen) {
	for _, s := range in[1:] {
		if !slices.Equal(s.Shredded, in[0].Shredded) {
			return nil
		}
	}
	for _, name := range in[0].Shredded {
		kind, key, _ := strings.Cut(name, ":")
		if kind == rounded {
			return nil
		}
		columns = append(columns, chosen{key, kind})
	}
	return columns
}

// commonKeys returns the keys that enough of some events have and that may name a column,
// the most frequent first.
func commonKeys(events int64, have map[string]rollup.Kinds) (keys []string) {
	type counted struct {
		key string
		n   int64
	}
	var all []counted
	for key, kinds := range have {
		if n := int64(total(kinds)); n*100 >= shredShare*events {
			all = append(all, counted{key, n})
		}
	}
	slices.SortFunc(all, func(a, b counted) int { return cmp.Or(cmp.Compare(b.n, a.n), strings.Compare(a.key, b.key)) })
	var names columnNames
	for _, c := range all {
		if len(keys) < maxShredded && names.take(c.key) {
			keys = append(keys, c.key)
		}
	}
	return keys
}

func total(kinds rollup.Kinds) (n uint64) {
	for _, k := range kinds {
		n += k
	}
	return n
}

// columnNames knows which names of columns are taken: they are the same when they differ in
// case alone.
type columnNames struct{ taken map[string]bool }

// take says whether a key may name a column.
func (c *columnNames) take(key string) bool {
	folded := strings.ToLower(key)
	known := c.taken[folded]
	if c.taken == nil {
		c.taken = map[string]bool{}
	}
	c.taken[folded] = true
	return !known && key != "" && len(key) <= maxShreddedBytes && !strings.ContainsFunc(key, unicode.IsControl)
}

// looked is what is known of the values of a key.
type looked struct {
	present            uint64
	texts              distinct // nil unless all are texts
	integers, shortest bool     // all are
}

// look prepares for the values of a key, of which there are as many of each kind.
func look(kinds rollup.Kinds) *looked {
	l := &looked{present: total(kinds)}
	if kinds[property.Text] == l.present {
		l.texts = newDistinct(l.present)
	}
	l.integers = kinds[property.Integer] == l.present
	l.shortest = kinds[property.Integer]+kinds[property.Number] == l.present
	return l
}

func (l *looked) add(v property.Value) {
	if l.texts != nil {
		l.texts.add(v.JSON())
	}
	if l.integers {
		_, err := strconv.ParseInt(v.JSON(), 10, 64)
		l.integers = err == nil
	}
	l.shortest = l.shortest && isShortest(v)
}

// kind returns that of the key's column, "" if it stays in JSON.
func (l *looked) kind() string {
	switch {
	case l.texts != nil && l.texts.count()*2 > float64(l.present):
		return "" // ids: large, and rarely filtered by
	case l.texts != nil:
		return Text
	case l.integers:
		return Integer
	case l.shortest:
		return Number
	}
	return ""
}

// distinct estimates how many different texts there are, to about a hundredth: each sets a
// bit of several for each text (linear counting).
type distinct []uint64

func newDistinct(most uint64) distinct {
	return make(distinct, 1<<bits.Len64(most*4/64))
}

func (d distinct) add(text string) {
	h := uint64(14695981039346656037) // FNV-1a
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd // texts that differ in their last characters alone are far apart
	h ^= h >> 33
	d[h>>6&uint64(len(d)-1)] |= 1 << (h & 63)
}

func (d distinct) count() float64 {
	unset := 0
	for _, word := range d {
		unset += bits.OnesCount64(^word)
	}
	all := float64(64 * len(d))
	return all * math.Log(all/max(1, float64(unset)))
}

// isShortest says whether a number is the shortest decimal of its float64.
func isShortest(v property.Value) bool {
	n, ok := decimal.Parse(v.JSON())
	x := n.Float()
	return ok && !math.IsInf(x, 0) && decimal.OfFloat(x) == n
}
