package stats

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"eventanalytics/services/stats/question"
)

// encodeJSON writes an answer as encoding/json would write a struct of it.
func encodeJSON(w io.Writer, a answer) error {
	b := pieces{to: w}
	b.WriteString(`{"data":[`)
	if err := writeRows(&b, a.rows, ","); err != nil {
		return err
	}
	b.WriteString(`],"meta":`)
	if err := writeValue(&b.Buffer, a.meta); err != nil {
		return err
	}
	b.WriteString(`,"query":`)
	if err := writeValue(&b.Buffer, a.query); err != nil {
		return err
	}
	if a.counting != (counting{}) { // beside the question's own members, of which there are some
		b.Truncate(b.Len() - 1)
		end := b.Len()
		if err := writeValue(&b.Buffer, a.counting); err != nil {
			return err
		}
		b.Bytes()[end] = ','
	}
	b.WriteString(`,"response_time_sec":`)
	b.Write(appendNumber(b.AvailableBuffer(), a.seconds))
	b.WriteString("}\n")
	return b.flush()
}

func encodeNDJSON(w io.Writer, a answer) error {
	b := pieces{to: w}
	if err := writeRows(&b, a.rows, "\n"); err != nil {
		return err
	}
	if a.rows.Len() > 0 {
		b.WriteByte('\n')
	}
	return b.flush()
}

// writeValue writes what encoding/json makes of a value. Nothing is written for
// browsers, which would need <, > and & escaped.
func writeValue(b *bytes.Buffer, v any) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	b.Truncate(b.Len() - 1) // the newline
	return nil
}

// writeRows writes each row as an object.
func writeRows(b *pieces, rows *question.Table, separator string) error {
	names := make([]string, len(rows.Columns)) // each with what comes before it
	for i, c := range rows.Columns {
		var name bytes.Buffer
		if err := writeText(&name, c.Name); err != nil {
			return err
		}
		names[i] = "," + name.String() + ":"
	}
	names[0] = "{" + names[0][1:]
	for row := range rows.Len() {
		if row > 0 {
			b.WriteString(separator)
		}
		for i, c := range rows.Columns {
			b.WriteString(names[i])
			if err := writeCell(&b.Buffer, rows, c.Kind, i, row); err != nil {
				return err
			}
		}
		b.WriteByte('}')
		if err := b.rowDone(); err != nil {
			return err
		}
	}
	return nil
}

func writeCell(b *bytes.Buffer, rows *question.Table, kind question.Kind, column, row int) error {
	if rows.Null(column, row) {
		b.WriteString("null")
		return nil
	}
	switch kind {
	case question.Integer:
		b.Write(strconv.AppendInt(b.AvailableBuffer(), rows.Integer(column, row), 10))
	case question.Number:
		b.Write(appendNumber(b.AvailableBuffer(), rows.Number(column, row)))
	case question.Bool:
		b.Write(strconv.AppendBool(b.AvailableBuffer(), rows.Bool(column, row)))
	case question.JSON:
		if err := json.Compact(b, []byte(rows.Text(column, row))); err != nil {
			return fmt.Errorf("writing JSON: %w", err)
		}
	default:
		return writeText(b, rows.Text(column, row))
	}
	return nil
}

// writeText writes a string: as it is where nothing has to be escaped, which is
// nearly always.
func writeText(b *bytes.Buffer, s string) error {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, escaped) {
		return writeValue(b, s)
	}
	b.WriteByte('"')
	b.WriteString(s)
	b.WriteByte('"')
	return nil
}

// escaped says whether encoding/json escapes a character even where it leaves HTML
// alone. The last two are line ends in JavaScript.
func escaped(r rune) bool {
	return r < ' ' || r == '"' || r == '\\' || r == '\u2028' || r == '\u2029'
}

// appendNumber writes a number in the shortest form, as ECMAScript does.
func appendNumber(b []byte, x float64) []byte {
	if abs := math.Abs(x); abs == 0 || abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(b, x, 'f', -1, 64)
	}
	b = strconv.AppendFloat(b, x, 'e', -1, 64)
	if n := len(b); n >= 4 && b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' { // e-09 is e-9
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return b
}
