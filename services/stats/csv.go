package stats

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"eventanalytics/pkg/decimal"
	"eventanalytics/services/stats/question"
)

// encodeCSV makes an encoder that writes a header line and a line for each row; null
// is empty. Texts are written as the function says.
func encodeCSV(cell func(string) string) func(io.Writer, answer) error {
	return func(to io.Writer, a answer) error { return writeCSV(to, a, cell) }
}

// safeCell puts an apostrophe before a text that spreadsheets would take for a formula,
// which can send what else is in the sheet elsewhere: event types and user ids are
// whatever a client has sent. Numbers are none.
func safeCell(text string) string {
	if text == "" || !strings.ContainsRune("=+-@\t\r\n＝＋－＠", firstRune(text)) {
		return text
	}
	if _, isNumber := decimal.Parse(text); isNumber {
		return text
	}
	return "'" + text
}

func firstRune(text string) rune {
	r, _ := utf8.DecodeRuneInString(text)
	return r
}

func writeCSV(to io.Writer, a answer, cell func(string) string) error {
	w := csv.NewWriter(bufio.NewWriterSize(to, pieceBytes))
	record := make([]string, len(a.rows.Columns))
	for i, c := range a.rows.Columns {
		record[i] = cell(c.Name)
	}
	if err := w.Write(record); err != nil {
		return fmt.Errorf("writing CSV: %w", err)
	}
	for row := range a.rows.Len() {
		for i, c := range a.rows.Columns {
			if a.rows.Null(i, row) {
				record[i] = ""
				continue
			}
			switch c.Kind {
			case question.Integer:
				record[i] = strconv.FormatInt(a.rows.Integer(i, row), 10)
			case question.Number:
				record[i] = strconv.FormatFloat(a.rows.Number(i, row), 'G', -1, 64)
			case question.Bool:
				record[i] = strconv.FormatBool(a.rows.Bool(i, row))
			default:
				record[i] = cell(a.rows.Text(i, row))
			}
		}
		if err := w.Write(record); err != nil {
			return fmt.Errorf("writing CSV: %w", err)
		}
	}
	w.Flush()
	return w.Error()
}
