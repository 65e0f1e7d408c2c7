package stats

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"eventanalytics/services/stats/question"
)

// encodeCSV writes a header line and a line for each row; null is empty.
func encodeCSV(to io.Writer, a answer) error {
	w := csv.NewWriter(bufio.NewWriterSize(to, pieceBytes))
	record := make([]string, len(a.rows.Columns))
	for i, c := range a.rows.Columns {
		record[i] = c.Name
	}
	if err := w.Write(record); err != nil {
		return fmt.Errorf("writing CSV: %w", err)
	}
	for row := range a.rows.Len() {
		for i, c := range a.rows.Columns {
			switch c.Kind {
			case question.Integer:
				record[i] = strconv.FormatInt(a.rows.Integer(i, row), 10)
			case question.Number:
				record[i] = strconv.FormatFloat(a.rows.Number(i, row), 'G', -1, 64)
			case question.Bool:
				record[i] = strconv.FormatBool(a.rows.Bool(i, row))
			default:
				record[i] = a.rows.Text(i, row)
			}
		}
		if err := w.Write(record); err != nil {
			return fmt.Errorf("writing CSV: %w", err)
		}
	}
	w.Flush()
	return w.Error()
}
