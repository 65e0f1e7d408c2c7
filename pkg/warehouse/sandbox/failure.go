package sandbox

import (
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"

	driver "github.com/duckdb/duckdb-go/v2"
)

// failure makes what a client may know of an error of DuckDB, whose place is in a text that
// has so many bytes before the statement. Other errors stay what they are.
func failure(err error, before int) error {
	var e *driver.Error
	if !errors.As(err, &e) {
		return err
	}
	said := struct {
		Type     string `json:"exception_type"`
		Message  string `json:"exception_message"`
		Position string
	}{Message: e.Msg}
	_ = json.Unmarshal([]byte(e.Msg), &said) // some errors come from beside DuckDB's core
	f := &StatementError{Invalid, clean(said.Message), -1}
	if at, err := strconv.Atoi(said.Position); err == nil && at >= before {
		f.At = at - before
	}
	switch said.Type {
	case "Out of Memory":
		f.Reason = Memory
	case "Parser", "Syntax", "Binder", "Catalog", "Conversion", "Out of Range", "Invalid Input", "Mismatch Type", "Invalid type", "Invalid", "Decimal", "Divide by Zero",
		"Expression", "Not implemented", "Parameter Not Resolved", "Parameter Not Allowed", "Invalid Type", "Executor", "Sequence", "Cardinality":
	case "Permission", "Invalid Configuration": // the second wall: the first should have held
		f.Reason, f.Message = Refused, "the statement asks for what is closed"
	default:
		f.Reason, f.Message = Engine, said.Type+": "+said.Message
		if strings.Contains(said.Message, "bad_alloc") || strings.Contains(said.Message, "Failed to allocate") {
			f.Reason = Memory
		}
	}
	return f
}

var (
	paths     = regexp.MustCompile(`(?:/[^\s/'",:;()\[\]]+){2,}/?`)
	addresses = regexp.MustCompile(`0x[0-9a-fA-F]{6,}`)
	excerpt   = regexp.MustCompile(`(?s)\n\s*LINE \d+:.*`)
)

// maxMessage is how much of a message is passed on: it may quote the data.
const maxMessage = 500

// clean takes out of a message what is about this machine, and the excerpt of the statement.
func clean(message string) string {
	message = excerpt.ReplaceAllString(message, "")
	message = paths.ReplaceAllString(message, "…")
	message = addresses.ReplaceAllString(message, "…")
	message = strings.Join(strings.Fields(strings.ToValidUTF8(message, "�")), " ")
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage], "") + "…"
	}
	return message
}
