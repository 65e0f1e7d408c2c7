package stats

import (
	"bytes"
	"io"

	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/question"
)

// format is a way to write an answer. All but JSON have the rows alone.
type format struct {
	contentType string
	// encode writes an answer in pieces of about pieceBytes, so that none is held as a
	// whole beside its rows.
	encode func(io.Writer, answer) error
}

const (
	// pieceBytes is how much of an answer is written at a time.
	pieceBytes = 64 << 10
	// inflation is how many bytes a byte of text becomes at most, as \u0001 in JSON.
	inflation = 6
	// cellBytes is the most that a number, the quotes of a text or a separator take.
	cellBytes = 32
)

// pieces collects what is written.
type pieces struct {
	bytes.Buffer
	to io.Writer
}

// rowDone passes on what there is, once it is enough.
func (p *pieces) rowDone() error {
	if p.Len() < pieceBytes {
		return nil
	}
	return p.flush()
}

func (p *pieces) flush() error {
	_, err := p.WriteTo(p.to)
	return err //nolint:wrapcheck // the writer's own error tells that the client has gone
}

// longest is a bound on the bytes that a table becomes in any format of text.
func longest(rows *question.Table) int64 {
	row := int64(2)
	for _, c := range rows.Columns {
		row += int64(len(c.Name)) + cellBytes
	}
	return int64(rows.Len())*row + inflation*rows.Texts()
}

// counter counts what is written to it, and refuses more than engine.MaxBytes.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	if *c += counter(len(p)); *c > engine.MaxBytes {
		return 0, engine.ErrTooLarge
	}
	return len(p), nil
}

// check returns engine.ErrTooLarge when an answer is too long to be written. Only one
// that might be is written twice for it.
func (f format) check(a answer) error {
	if longest(a.rows) <= engine.MaxBytes {
		return nil
	}
	var n counter
	return f.encode(&n, a)
}

var formats = map[string]format{
	"json":    {"application/json", encodeJSON},
	"csv":     {"text/csv", encodeCSV},
	"ndjson":  {"application/x-ndjson", encodeNDJSON},
	"parquet": {"application/vnd.apache.parquet", encodeParquet},
}

// chooseFormat returns the format of the name, else what the Accept header
// likes best, else JSON.
func chooseFormat(name, accept string) format {
	if name == "" {
		name = negotiate(accept, "json", "csv", "ndjson", "parquet")
	}
	return formats[name]
}
