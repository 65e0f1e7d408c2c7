package engine

import "eventanalytics/pkg/property"

// Codes are the values that the events of a segment have in a field, by their rows in its
// Parquet file.
type Codes struct {
	// Values are those that there are, by code. No two are the same JSON; code 0 is that
	// of rows without one.
	Values []property.Value
	Rows   []uint32 // code of each row
}
