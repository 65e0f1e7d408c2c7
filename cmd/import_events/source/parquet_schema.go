package source

import (
	"fmt"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"eventanalytics/cmd/import_events/row"
)

// node of a Parquet file's schema: a column, or a part of one.
type node struct {
	name     string
	shape    shape
	optional bool
	repeated bool
	def, rep int     // definition and repetition level, when it is there
	leaves   int     // how many leaves it has, itself or below
	fields   []*node // of a group
	leaf     func(parquet.Value) row.Value
	kind     row.Kind
}

type shape int

const (
	leafShape  shape = iota
	groupShape       // a STRUCT: an object
	listShape        // an array
	mapShape         // an object
)

// nodeOf returns how a column is read, or an error if a type in it is not supported.
func nodeOf(c *parquet.Column) (*node, error) {
	n := &node{
		name: c.Name(), optional: c.Optional(), repeated: c.Repeated(),
		def: c.MaxDefinitionLevel(), rep: c.MaxRepetitionLevel(), kind: row.JSON,
	}
	if c.Leaf() {
		n.leaves = 1
		kind, leaf := leafOf(c)
		if leaf == nil {
			return nil, fmt.Errorf("%w: the column %q has the type %s, which is not supported", ErrFormat, c.Name(), c.Type())
		}
		if n.leaf = leaf; !n.repeated {
			n.kind = kind
		}
		return n, nil
	}
	n.shape = groupShape
	for _, part := range c.Columns() {
		field, err := nodeOf(part)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name(), err)
		}
		n.fields = append(n.fields, field)
		n.leaves += field.leaves
	}
	if n.leaves == 0 {
		return nil, fmt.Errorf("%w: the column %q is a group of nothing", ErrFormat, c.Name())
	}
	if len(n.fields) == 1 && n.fields[0].repeated && c.Type().LogicalType() != nil {
		inner := n.fields[0]
		switch c.Type().LogicalType().Value.(type) {
		case *format.ListType:
			n.shape = listShape
		case *format.MapType:
			if len(inner.fields) == 2 && inner.fields[0].shape == leafShape {
				n.shape = mapShape
			}
		}
	}
	return n, nil
}

// read assembles a value of the values of its leaves in one row, as Dremel does: a
// value's definition level tells how much of its path is there, its repetition level at
// which repeated part of the path a new item begins.
func (n *node) read(columns [][]parquet.Value) row.Value {
	missing := columns[0][0].DefinitionLevel() < n.def
	switch {
	case n.repeated:
		return array(n.items(columns))
	case n.optional && missing:
		return row.Value{}
	}
	return n.present(columns)
}

// present is read of what is there.
func (n *node) present(columns [][]parquet.Value) row.Value {
	switch n.shape {
	case leafShape:
		if columns[0][0].IsNull() {
			return row.Value{}
		}
		return n.leaf(columns[0][0])
	case listShape:
		return array(n.fields[0].listed(columns))
	case mapShape:
		var cells []row.Cell
		for _, item := range n.fields[0].split(columns) {
			pair := n.fields[0].parts(item)
			if !pair[1].Is() {
				pair[1].Value = row.Value{Kind: row.JSON, Text: "null"}
			}
			cells = append(cells, row.Cell{Name: pair[0].Key(), Value: pair[1].Value})
		}
		return row.Object(cells)
	}
	return row.Object(n.parts(columns))
}

// listed are the items of a LIST: of the one field of its repeated group, unless an old
// writer repeated the items themselves.
func (n *node) listed(columns [][]parquet.Value) []row.Value {
	if n.shape != groupShape || len(n.fields) != 1 {
		return n.items(columns)
	}
	var all []row.Value
	for _, item := range n.split(columns) {
		all = append(all, n.fields[0].read(item))
	}
	return all
}

func (n *node) items(columns [][]parquet.Value) []row.Value {
	var all []row.Value
	for _, item := range n.split(columns) {
		all = append(all, n.present(item))
	}
	return all
}

// parts are the fields of a group.
func (n *node) parts(columns [][]parquet.Value) []row.Cell {
	all := make([]row.Cell, 0, len(n.fields))
	for _, field := range n.fields {
		all = append(all, row.Cell{Name: field.name, Value: field.read(columns[:field.leaves])})
		columns = columns[field.leaves:]
	}
	return all
}

// split cuts the values of a repeated node's leaves into those of its items.
func (n *node) split(columns [][]parquet.Value) [][][]parquet.Value {
	if columns[0][0].DefinitionLevel() < n.def {
		return nil
	}
	var items [][][]parquet.Value
	for at, column := range columns {
		begin, item := 0, 0
		for end := 1; end <= len(column); end++ {
			if end < len(column) && column[end].RepetitionLevel() > n.rep {
				continue
			}
			if at == 0 {
				items = append(items, make([][]parquet.Value, len(columns)))
			}
			items[item][at] = column[begin:end]
			begin, item = end, item+1
		}
	}
	return items
}

func array(items []row.Value) row.Value {
	b := []byte{'['}
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b, _ = item.AppendJSON(b)
	}
	return row.Value{Kind: row.JSON, Text: string(append(b, ']'))}
}
