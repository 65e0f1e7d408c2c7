package walk

import (
	"encoding/binary"
	"slices"
)

// table has what a file is made of: a segment's events by their rows in its Parquet file.
type table struct {
	project   int64
	users     []uint32
	us        []int64
	types     []uint32 // of typeNames
	typeNames []string // by code points
	// ids returns those of all events. It is called only when two events differ in nothing
	// else that they are ordered by.
	ids     func() ([][16]byte, error)
	columns []coded
	// names are those of all properties; nil if they are not known.
	names []string
}

// encode returns the file.
func (t *table) encode() ([]byte, error) {
	rows, err := t.order()
	if err != nil {
		return nil, err
	}
	events := len(rows)
	blocks, users, firsts := t.userSections(rows)
	first, last := slices.Min(t.us), slices.Max(t.us)
	unit := unitOf(t.us, first)
	by, bases, highest := t.bases(first, last)
	marks, columns := t.encodeColumns(rows, firsts)

	index := binary.AppendUvarint(nil, uint64(t.project))
	for _, n := range []uint64{uint64(events), uint64(len(firsts))} {
		index = binary.AppendUvarint(index, n)
	}
	index = binary.AppendVarint(index, first)
	for _, n := range []uint64{uint64(last - first), uint64(unit), uint64(len(users))} {
		index = binary.AppendUvarint(index, n)
	}
	index = appendTexts(index, t.typeNames)
	index = binary.AppendUvarint(binary.AppendUvarint(index, uint64(by)), highest)
	index = appendNames(index, t.names)
	index = binary.AppendUvarint(index, uint64(len(marks)))
	index = binary.AppendUvarint(index, uint64(len(columns)))
	for _, c := range columns {
		index = append(index, c.index...)
	}

	sections := [][]byte{[]byte(magic), binary.LittleEndian.AppendUint64(nil, uint64(len(index))), index, blocks, users}
	sections = append(sections,
		pack(events, uint64((last-first)/unit), func(i int) uint64 { return uint64((t.us[rows[i]] - first) / unit) }),
		pack(events, uint64(len(t.typeNames)-1), func(i int) uint64 { return uint64(t.types[rows[i]]) }))
	section := make([]byte, 0, 4*len(bases))
	for _, row := range bases {
		section = binary.LittleEndian.AppendUint32(section, row)
	}
	sections = append(sections, section, pack(events, highest, func(i int) uint64 {
		row := rows[i]
		return uint64(row - bases[by.group(t.us[row], t.types[row], first, len(t.typeNames))])
	}))
	for _, m := range marks {
		sections = append(sections, m)
	}
	for _, c := range columns {
		sections = append(sections, c.sections...)
	}
	return slices.Concat(append(sections, make([]byte, padding))...), nil
}

// userSections returns the sections blocks and users, and the first events of users.
func (t *table) userSections(rows []uint32) (blocks, users []byte, firsts []uint32) {
	previous := uint32(0)
	for from := 0; from < len(rows); {
		user := t.users[rows[from]]
		to := from + 1
		for to < len(rows) && t.users[rows[to]] == user {
			to++
		}
		if len(firsts)%blockUsers == 0 {
			blocks = binary.LittleEndian.AppendUint32(blocks, user)
			blocks = binary.LittleEndian.AppendUint32(blocks, uint32(len(users)))
			blocks = binary.LittleEndian.AppendUint32(blocks, uint32(from))
		}
		users = binary.AppendUvarint(users, uint64(user-previous))
		users = binary.AppendUvarint(users, uint64(to-from))
		firsts = append(firsts, uint32(from))
		previous, from = user, to
	}
	return blocks, users, firsts
}

// unitOf returns the greatest unit that all times are multiples of, from the first.
func unitOf(us []int64, first int64) int64 {
	for _, unit := range units {
		if !slices.ContainsFunc(us, func(at int64) bool { return (at-first)%unit != 0 }) {
			return unit
		}
	}
	return 1
}

func sizeOf(texts []string) (n int) {
	for _, text := range texts {
		n += len(text)
	}
	return n
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func appendTexts(b []byte, texts []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(texts)))
	for _, text := range texts {
		b = appendText(b, text)
	}
	return b
}

// appendNames writes the names of properties, if they are known and not too long.
func appendNames(b []byte, names []string) []byte {
	if names == nil || sizeOf(names) > maxNamesBytes || len(names) > maxNamesBytes {
		return append(b, 0)
	}
	sorted := slices.Clone(names)
	slices.Sort(sorted)
	return appendTexts(append(b, 1), slices.Compact(sorted))
}

// typeCoder numbers event types.
type typeCoder struct {
	numbers map[string]uint32
	names   []string
}

func (c *typeCoder) code(name []byte) (uint32, bool) {
	number, ok := c.numbers[string(name)]
	if !ok {
		if c.numbers == nil {
			c.numbers = map[string]uint32{}
		}
		number = uint32(len(c.names))
		c.names = append(c.names, string(name))
		c.numbers[c.names[number]] = number
	}
	return number, true
}

// sort brings the names into the order of their code points, and numbers events again.
func (c *typeCoder) sort(events []uint32) []string {
	sorted := slices.Sorted(slices.Values(c.names))
	places := make([]uint32, len(sorted))
	for place, name := range sorted {
		places[c.numbers[name]] = uint32(place)
	}
	for i, number := range events {
		events[i] = places[number]
	}
	return sorted
}
