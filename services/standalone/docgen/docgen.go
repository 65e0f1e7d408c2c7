// Package docgen writes the documents that come from the code: the OpenAPI
// document, the tables of questions and settings, the names of settings,
// and the table of metrics. CI fails when one of them differs from the code.
package docgen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Write writes all documents below root, the repository's folder. Those in
// Markdown files go between the markers of their place.
func Write(ctx context.Context, root string) error {
	return withServices(ctx, func(services []described) error {
		document, err := openAPI(services)
		if err != nil {
			return err
		}
		metrics, err := metricsTable(services)
		if err != nil {
			return err
		}
		return errors.Join(
			writeFile(filepath.Join(root, "pkg", "platform", "openapi", "openapi.json"), document),
			writeFile(filepath.Join(root, "pkg", "platform", "config", "names.txt"), settingsNames()),
			writeTable(filepath.Join(root, "docs", "api.md"), "questions", questionsTable(services)),
			writeTable(filepath.Join(root, "docs", "settings.md"), "settings", settingsTable()),
			writeTable(filepath.Join(root, "docs", "metrics.md"), "metrics", metrics),
		)
	})
}

// writeTable writes a table into a Markdown file, between the two lines that mark
// its place.
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
	return writeFile(path, bytes.Join([][]byte{before, []byte(begin + table + end), after}, nil))
}

func writeFile(path string, content []byte) error {
	if err := os.WriteFile(path, content, 0o644); err != nil { //nolint:gosec // documentation
		return fmt.Errorf("writing a document: %w", err)
	}
	return nil
}
