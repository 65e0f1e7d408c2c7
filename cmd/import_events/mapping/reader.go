package mapping

import "eventanalytics/cmd/import_events/source"

// Converter makes events of records: those of the API's own form, or of another.
type Converter interface {
	// Check refuses a table that lacks columns of events, and one with columns that
	// would be lost.
	Check([]source.Column) error
	// Convert sets the record's Event, Skipped or Fault.
	Convert(*source.Record)
	// Column is where the file has a field of events, for people.
	Column(field string) string
}

// Reader is a source whose records have become events.
type Reader struct {
	source.Source
	Converter
}

// Next returns the next record.
func (r Reader) Next() (source.Record, error) {
	record, err := r.Source.Next()
	if err == nil {
		r.Convert(&record)
	}
	return record, err
}

// Skip skips the next n records. A mapping that counts equal rows must see them all.
func (r Reader) Skip(n int64) error {
	if m, ok := r.Converter.(*Mapping); !ok || !m.ID.counts() {
		return r.Source.Skip(n)
	}
	return source.Skip(r, n)
}
