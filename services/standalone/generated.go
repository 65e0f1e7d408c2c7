package standalone

import (
	"bytes"
	"errors"
	"fmt"
	"os"
)

// writeTable writes a table into a Markdown file, between the two lines that
// mark its place.
func writeTable(path, name, table string) error {
	begin, end := "<!-- "+name+": made by \"make generate\" -->\n", "<!-- /"+name+" -->"
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("writing the %s: %w", name, err)
	}
	before, rest, began := bytes.Cut(text, []byte(begin))
	_, after, ended := bytes.Cut(rest, []byte(end))
	if !began || !ended {
		return errors.New("writing the " + name + ": " + path + " has no markers")
	}
	text = bytes.Join([][]byte{before, []byte(begin + table + end), after}, nil)
	if err := os.WriteFile(path, text, 0o644); err != nil { //nolint:gosec // documentation
		return fmt.Errorf("writing the %s: %w", name, err)
	}
	return nil
}
