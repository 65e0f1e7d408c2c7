package row

import (
	"errors"
	"strings"
)

// Cell is a named value.
type Cell struct {
	Name string
	Value
}

// Row of a file.
type Row struct {
	Cells  []Cell
	nested map[string][]Cell // objects in cells, by path
}

// OfObject reads a JSON object as a row.
func OfObject(text []byte) (Row, error) {
	cells, err := members(text)
	return Row{Cells: cells}, err
}

// Get returns a column's value; a.b is the column of that name or else the member b of
// the object in the column a. It is None when there is no such thing.
func (r *Row) Get(path string) Value {
	if i := index(r.Cells, path); i >= 0 {
		return r.Cells[i].Value
	}
	for at := 0; ; at++ {
		next := strings.IndexByte(path[at:], '.')
		if next < 0 {
			return Value{}
		}
		at += next
		if v := r.Get(path[:at]); v.Is() {
			members := r.object(path[:at], v)
			if i := index(members, path[at+1:]); i >= 0 {
				return members[i].Value
			}
		}
	}
}

// First returns the first of the columns' values that is there and not empty.
func (r *Row) First(paths ...string) Value {
	for _, path := range paths {
		if v := r.Get(path); !v.IsEmpty() {
			return v
		}
	}
	return Value{}
}

// Set puts a value into a column, in place of the one that is there.
func (r *Row) Set(name string, v Value) {
	r.nested = nil
	if i := index(r.Cells, name); i >= 0 {
		r.Cells[i].Value = v
		return
	}
	r.Cells = append(r.Cells, Cell{name, v})
}

// Begins says whether a path is a column or leads into it.
func Begins(column, path string) bool {
	rest, ok := strings.CutPrefix(path, column)
	return ok && (rest == "" || rest[0] == '.')
}

func (r *Row) object(path string, v Value) []Cell {
	if all, ok := r.nested[path]; ok {
		return all
	}
	all, _ := v.Object() // what is none has no members
	if r.nested == nil {
		r.nested = map[string][]Cell{}
	}
	r.nested[path] = all
	return all
}

// index finds a name; of two, the last wins, as in most readers of JSON.
func index(cells []Cell, name string) int {
	for i := len(cells) - 1; i >= 0; i-- {
		if cells[i].Name == name {
			return i
		}
	}
	return -1
}

// AppendObject appends the JSON object of those cells that are there. Its error is that of
// AppendJSON.
func AppendObject(b []byte, cells []Cell) ([]byte, error) {
	b = append(b, '{')
	first := true
	var errs [2]error
	for _, c := range cells {
		if !c.Is() {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		var err error
		if b, err = (Value{Text, c.Name}).AppendJSON(b); err != nil {
			errs[0] = err
		}
		if b, err = c.AppendJSON(append(b, ':')); err != nil {
			errs[1] = err
		}
	}
	return append(b, '}'), errors.Join(errs[:]...)
}

// Object makes an object of those cells that are there.
func Object(cells []Cell) Value {
	b, _ := AppendObject(nil, cells)
	return Value{JSON, string(b)}
}
