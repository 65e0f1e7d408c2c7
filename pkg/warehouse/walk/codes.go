package walk

import (
	"maps"
	"slices"
	"strings"

	"eventanalytics/pkg/property"
)

// coder gives the values of one property codes, in the order of their first events.
type coder struct {
	// json returns a value's JSON; what the value is known by is up to the caller.
	json    func(value string) string
	numbers map[string]uint16
	values  []string // JSON, from code 1
	codes   []uint16 // by row
	size    int      // of the JSON, in bytes
	last    int      // row that got a code, from 1
}

func newCoder(events int, json func(value string) string) *coder {
	return &coder{json: json, numbers: map[string]uint16{}, codes: make([]uint16, events)}
}

// code returns that of a value; ok is false when it is out of bounds.
func (c *coder) code(value []byte) (code uint16, ok bool) {
	if code, ok = c.numbers[string(value)]; ok {
		return code, true
	}
	key := string(value)
	json := c.json(key)
	if len(json) > maxValueBytes || len(c.values) == maxCode || c.size+len(json) > maxColumnBytes(len(c.codes)) {
		return 0, false
	}
	c.values = append(c.values, json)
	c.size += len(json)
	code = uint16(len(c.values))
	c.numbers[key] = code
	return code, true
}

// objectCoder gives codes to the properties of events that are in their JSON: those of
// the object itself that are in bounds.
type objectCoder struct {
	events int
	keys   map[string]*coder // nil for those that are out of bounds
	kept   int
}

func newObjectCoder(events int) *objectCoder {
	return &objectCoder{events: events, keys: map[string]*coder{}}
}

// add gives codes to the properties of a row, which is above those before.
func (o *objectCoder) add(row int, properties string) {
	for key, value := range property.Members(properties) {
		c, known := o.keys[key]
		if !known {
			if o.kept < maxColumns && len(key) <= maxKeyBytes {
				c = newCoder(o.events, func(json string) string { return json })
				o.kept++
			}
			o.keys[strings.Clone(key)] = c
		}
		if c == nil || c.last == row+1 { // of a key that comes twice, the first counts
			continue
		}
		c.last = row + 1
		code, ok := c.code([]byte(value.JSON()))
		if !ok {
			o.keys[key] = nil
			o.kept--
			continue
		}
		c.codes[row] = code
	}
}

// names are those of all properties, not only of those with codes.
func (o *objectCoder) names() []string {
	return slices.AppendSeq([]string{}, maps.Keys(o.keys))
}

func (o *objectCoder) columns() []coded {
	var columns []coded
	for key, c := range o.keys {
		if c != nil {
			columns = append(columns, coded{key, c.codes, c.values})
		}
	}
	sortColumns(columns)
	return columns
}

func sortColumns(columns []coded) {
	slices.SortFunc(columns, func(a, b coded) int { return strings.Compare(a.key, b.key) })
}
