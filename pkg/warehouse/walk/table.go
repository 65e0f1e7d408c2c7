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

// coded is a property: the code of each event's value, 0 for none, and the JSON of the
// values from code 1.
type coded struct {
	key    string
	codes  []uint16
	values []string
}

// encode returns the file.
func (t *table) encode() ([]byte, error) {
	rows, err := t.order()
	if err != nil {
		return nil, err
	}
	blocks, users, count := t.userSections(rows)
	first, last := slices.Min(t.us), slices.Max(t.us)
	unit := unitOf(t.us, first)

	index := binary.AppendUvarint(nil, uint64(t.project))
	for _, n := range []uint64{uint64(len(rows)), count} {
		index = binary.AppendUvarint(index, n)
	}
	index = binary.AppendVarint(index, first)
	for _, n := range []uint64{uint64(last - first), uint64(unit), uint64(len(users))} {
		index = binary.AppendUvarint(index, n)
	}
	index = appendTexts(index, t.typeNames)
	index = appendNames(index, t.names)
	index = binary.AppendUvarint(index, uint64(len(t.columns)))
	for _, c := range t.columns {
		index = appendText(index, c.key)
		index = binary.AppendUvarint(index, uint64(len(c.values)))
		index = binary.AppendUvarint(index, uint64(sizeOf(c.values)))
	}

	timeWidth, typeWidth, rowWidth := widthOf(uint64((last-first)/unit)), widthOf(uint64(len(t.typeNames)-1)), widthOf(uint64(len(rows)-1))
	size := headerSize + len(index) + len(blocks) + len(users) + len(rows)*(timeWidth+typeWidth+rowWidth) + padding
	for _, c := range t.columns {
		size += len(rows)*widthOf(uint64(len(c.values))) + 4*len(c.values) + sizeOf(c.values)
	}
	file := make([]byte, 0, size)
	file = append(file, magic...)
	file = binary.LittleEndian.AppendUint64(file, uint64(len(index)))
	file = append(append(append(file, index...), blocks...), users...)
	file, times := appendPacked(file, len(rows), timeWidth)
	for i, row := range rows {
		times.put(i, uint64((t.us[row]-first)/unit))
	}
	file, types := appendPacked(file, len(rows), typeWidth)
	for i, row := range rows {
		types.put(i, uint64(t.types[row]))
	}
	file, numbers := appendPacked(file, len(rows), rowWidth)
	for i, row := range rows {
		numbers.put(i, uint64(row))
	}
	for _, c := range t.columns {
		file = c.append(file, rows)
	}
	return append(file, make([]byte, padding)...), nil
}

// append adds the sections of a column to a file.
func (c *coded) append(file []byte, rows []uint32) []byte {
	file, codes := appendPacked(file, len(rows), widthOf(uint64(len(c.values))))
	for i, row := range rows {
		codes.put(i, uint64(c.codes[row]))
	}
	end := 0
	for _, value := range c.values {
		end += len(value)
		file = binary.LittleEndian.AppendUint32(file, uint32(end))
	}
	for _, value := range c.values {
		file = append(file, value...)
	}
	return file
}

// appendPacked makes room for n numbers at the end of a file that has room for the
// padding.
func appendPacked(file []byte, n, width int) ([]byte, packed) {
	at := len(file)
	return file[:at+n*width], newPacked(file[at:at+n*width+padding], width)
}

// userSections returns the sections blocks and users, and how many users there are.
func (t *table) userSections(rows []uint32) (blocks, users []byte, count uint64) {
	previous := uint32(0)
	for from := 0; from < len(rows); count++ {
		user := t.users[rows[from]]
		to := from + 1
		for to < len(rows) && t.users[rows[to]] == user {
			to++
		}
		if count%blockUsers == 0 {
			blocks = binary.LittleEndian.AppendUint32(blocks, user)
			blocks = binary.LittleEndian.AppendUint32(blocks, uint32(len(users)))
			blocks = binary.LittleEndian.AppendUint32(blocks, uint32(from))
		}
		users = binary.AppendUvarint(users, uint64(user-previous))
		users = binary.AppendUvarint(users, uint64(to-from))
		previous, from = user, to
	}
	return blocks, users, count
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
