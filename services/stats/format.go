package stats

import (
	"bytes"
	"io"

	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/question"
)

// format is a way to write an answer. All but JSON have the rows alone.
type format struct {
	// name tells apart what may differ in any byte.
	name        string
	contentType string
	// parameters of the content type in the header, from the semicolon.
	parameters string
	// extension of a file of such an answer, if it is not meant to be shown.
	extension string
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
	"json":    {"json", "application/json", "", "", encodeJSON},
	"csv":     {"csv", "text/csv", "; charset=utf-8", ".csv", encodeCSV(safeCell)},
	"ndjson":  {"ndjson", "application/x-ndjson", "", ".ndjson", encodeNDJSON},
	"parquet": {"parquet", "application/vnd.apache.parquet", "", ".parquet", encodeParquet},
}

// chooseFormat returns the format that is asked for by name, else what the Accept
// header likes best, else JSON.
func chooseFormat(o *question.OutputParams) format {
	name := o.Format
	if name == "" {
		name = negotiate(o.Headers().Accept, "json", "csv", "ndjson", "parquet")
	}
	f := formats[name]
	if name == "csv" && o.CSVText == "raw" {
		f.name, f.encode = "csv raw", encodeCSV(func(text string) string { return text })
	}
	return f
}

// fileName is what a browser calls the file that it keeps an answer in.
func (f format) fileName(name string, q question.Question) string {
	if about, ok := q.(interface{ About() string }); ok {
		name += "_" + about.About()
	}
	return name + f.extension
}
