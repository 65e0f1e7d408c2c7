package source

import "strings"

// Dialect of a CSV file.
type Dialect struct {
	Comma    byte // what separates fields; 0 to find out
	Unquoted bool // quotes are characters like any other, and each line is a row
}

// commas that are looked for in a header, the usual first.
var commas = []byte{',', ';', '\t', '|'}

var commaNames = map[byte]string{',': "commas", ';': "semicolons", '\t': "tabs", '|': "vertical bars"}

func commaName(c byte) string { return commaNames[c] }

// sniff finds the separator of a header: one that makes columns of it that o takes, or
// else the one that makes the most.
func sniff(header string, o Options) byte {
	best, most := byte(','), 0
	for _, comma := range commas {
		names, _, err := Dialect{Comma: comma, Unquoted: o.Dialect.Unquoted}.fields(header)
		if err != nil {
			continue
		}
		if len(names) > 1 && o.check(columnsOf(names)) == nil {
			return comma
		}
		if len(names) > most {
			best, most = comma, len(names)
		}
	}
	return best
}

func columnsOf(names []string) []Column {
	all := make([]Column, len(names))
	for i, name := range names {
		all[i].Name = strings.Clone(name)
	}
	return all
}
