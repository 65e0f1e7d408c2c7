package walk

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// coded is a property: the code of each event's value, 0 for none, and the JSON of the
// values from code 1.
type coded struct {
	key    string
	codes  []uint16 // by row
	values []string
}

// sort brings the values into the order of their bytes.
func (c *coded) sort() {
	order := make([]uint16, len(c.values)) // codes
	for i := range order {
		order[i] = uint16(i + 1)
	}
	slices.SortFunc(order, func(a, b uint16) int { return cmp.Compare(c.values[a-1], c.values[b-1]) })
	values, places := make([]string, len(order)), make([]uint16, len(order)+1)
	for i, code := range order {
		values[i] = c.values[code-1]
		places[code] = uint16(i + 1)
	}
	c.values = values
	for row, code := range c.codes {
		c.codes[row] = places[code]
	}
}

// marking is a form of a column that marks events.
type marking struct {
	marks marks
	n     int
}

// encodedColumn is what a file has of a column.
type encodedColumn struct {
	index    []byte
	sections [][]byte
}

// encodeColumns returns the sections of marks, and the columns: each in the form that
// takes the least. Properties that the same events have share their marks, and so do those
// that only change from user to user; firsts are the first events of users.
func (t *table) encodeColumns(rows, firsts []uint32) (sections []marks, columns []encodedColumn) {
	events := len(rows)
	markings := make([][forms]marking, len(t.columns))
	shared := map[string]int{} // how many columns could use them, by marks
	for i := range t.columns {
		c := &t.columns[i]
		c.sort()
		for f := sparse; f < forms; f++ {
			m := c.mark(f, rows, firsts)
			shared[string(m.marks)]++
			markings[i][f] = m
		}
	}
	numbers := map[string]int{}
	for i := range t.columns {
		c := &t.columns[i]
		if len(c.values) == 0 { // known, and no event has it
			columns = append(columns, c.encode(plain, 0, 0, rows, nil))
			continue
		}
		best, n := plain, events
		least := packedSize(n, bitsFor(c.highest(plain)))
		for f := sparse; f < forms; f++ {
			m := markings[i][f]
			if size := packedSize(m.n, bitsFor(c.highest(f))) + len(m.marks)/shared[string(m.marks)]; size < least {
				best, n, least = f, m.n, size
			}
		}
		number := 0
		if best != plain {
			m := markings[i][best].marks
			old, known := numbers[string(m)]
			if number = old; !known {
				number = len(sections)
				numbers[string(m)] = number
				sections = append(sections, m)
			}
		}
		columns = append(columns, c.encode(best, n, number, rows, markings[i][best].marks))
	}
	return sections, columns
}

// mark marks the events that a form has codes of.
func (c *coded) mark(f form, rows, firsts []uint32) (m marking) {
	if f == sparse {
		m.marks, m.n = mark(len(rows), func(i int) bool { return c.codes[rows[i]] != 0 })
		return m
	}
	m.marks, m.n = mark(len(rows), func(i int) bool {
		if len(firsts) > 0 && firsts[0] == uint32(i) {
			firsts = firsts[1:]
			return true
		}
		return c.codes[rows[i]] != c.codes[rows[i-1]]
	})
	return m
}

// highest is the highest number that a form keeps for a code.
func (c *coded) highest(f form) uint64 { return f.highest(len(c.values)) }

func (f form) highest(values int) uint64 {
	if f == sparse {
		return uint64(values - 1)
	}
	return uint64(values)
}

// encode returns the column in a form, with n codes: those of the marked events, unless it
// is plain.
func (c *coded) encode(f form, n, number int, rows []uint32, marked marks) encodedColumn {
	next := -1
	codes := pack(n, c.highest(f), func(i int) uint64 {
		if next++; f != plain {
			for !marked.has(uint32(next)) {
				next++
			}
		}
		code := uint64(c.codes[rows[next]])
		if f == sparse {
			code--
		}
		return code
	})
	starts, texts := encodeDictionary(c.values)
	index := appendText(nil, c.key)
	for _, x := range []int{int(f), number, n, len(c.values), len(texts)} {
		index = binary.AppendUvarint(index, uint64(x))
	}
	return encodedColumn{index, [][]byte{codes, starts, texts}}
}
