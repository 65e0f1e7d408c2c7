package sample

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"
)

// WriteJSON writes the events as a JSON array, one event a line.
func WriteJSON(w io.Writer, events []Event) error {
	buf := bufio.NewWriter(w)
	open := "[\n"
	for _, e := range events {
		line, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("encoding event %s: %w", e.ID, err)
		}
		fmt.Fprint(buf, open, string(line)) // the writer keeps its first error for Flush
		open = ",\n"
	}
	if len(events) == 0 {
		fmt.Fprint(buf, open)
	}
	fmt.Fprint(buf, "\n]\n")
	return buf.Flush()
}

// Header is the first line of the CSV.
var Header = []string{"event_id", "occurred_at", "user_id", "event_type", "properties_json"}

// WriteCSV writes the events with a header line, properties as JSON text.
func WriteCSV(w io.Writer, events []Event) error {
	out := csv.NewWriter(w)
	if err := out.Write(Header); err != nil {
		return fmt.Errorf("writing the header: %w", err)
	}
	for _, e := range events {
		properties, err := json.Marshal(e.Properties)
		if err != nil {
			return fmt.Errorf("encoding the properties of %s: %w", e.ID, err)
		}
		err = out.Write([]string{e.ID.String(), e.OccurredAt.Format(time.RFC3339), strconv.Itoa(e.UserID), e.Type, string(properties)})
		if err != nil {
			return fmt.Errorf("writing event %s: %w", e.ID, err)
		}
	}
	out.Flush()
	return out.Error()
}
