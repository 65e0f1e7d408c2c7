package lake

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/apache/iceberg-go"

	"eventanalytics/pkg/warehouse/fields"
)

// maxName bounds the name of a column, in characters; some engines allow no more than 128.
const maxName = 100

// types of the columns that all segments have. Parquet says of none that it is never NULL.
var types = map[string]iceberg.Type{
	"project_id": iceberg.PrimitiveTypes.Int64, "event_id": iceberg.PrimitiveTypes.UUID, "occurred_at": iceberg.PrimitiveTypes.TimestampTz,
	"user_id": iceberg.PrimitiveTypes.String, "user_key": iceberg.PrimitiveTypes.Int32, "event_type": iceberg.PrimitiveTypes.String,
	"properties": iceberg.PrimitiveTypes.String,
}

// kinds are the types of columns of properties, by what their names begin with. Segments of
// earlier versions have "number", some of whose values are rounded; until a merge replaces them
// their files have its id, and engines refuse a file with an id that the schema lacks.
var kinds = map[string]iceberg.Type{
	"text": iceberg.PrimitiveTypes.String, "integer": iceberg.PrimitiveTypes.Int64, "decimal": iceberg.PrimitiveTypes.Float64,
	"number": iceberg.PrimitiveTypes.Float64,
}

// columnsOf makes the columns of a table of those that segments may have, by their ids.
func columnsOf(ids map[string]int32) ([]iceberg.NestedField, error) {
	names := make([]string, 0, len(ids))
	for name := range ids {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return int(ids[a] - ids[b]) })
	fixed := fields.Fixed()
	taken := map[string]bool{}
	columns := make([]iceberg.NestedField, 0, len(names))
	for _, name := range names {
		column := iceberg.NestedField{ID: int(ids[name]), Name: name, Type: types[name]}
		if _, ok := fixed[name]; !ok {
			kind, key, _ := strings.Cut(name, ":")
			column.Type = kinds[kind]
			column.Name = plain(key) + "_" + kind
			if taken[strings.ToLower(column.Name)] {
				column.Name = fmt.Sprintf("%s_%d", column.Name, column.ID)
			}
		}
		if column.Type == nil {
			return nil, fmt.Errorf("the column %q is of no type that is known", name)
		}
		taken[strings.ToLower(column.Name)] = true
		columns = append(columns, column)
	}
	return columns, nil
}

// plain is the name of a property without what engines read as something else, as dots.
// Names end with their kinds, which no column that all segments have does; two that differ in
// such characters alone, or in case, which most engines do not tell apart, differ by their
// ids. The lower id keeps the plain name, so that a name never changes.
func plain(key string) string {
	runes := []rune(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return '_'
	}, key))
	return string(runes[:min(len(runes), maxName)])
}
