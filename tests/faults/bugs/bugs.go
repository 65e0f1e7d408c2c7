// Package bugs holds deliberate bugs, to see whether the tests notice them. None is
// in the product's source: each is an edit that `go build -overlay` applies to the
// files it compiles, so that no bug can be shipped.
package bugs

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"eventanalytics/tests/harness/stack"
)

// Bug is a mistake that a developer could plausibly make.
type Bug struct {
	// Name, in words joined by hyphens, is unique.
	Name string
	// About says what goes wrong, when it shows, and which check should notice it.
	About string
	// Faults in which it can show, as a regular expression of their names; empty for
	// a bug that no round of package faults can show.
	Faults string
	// Objects says that it shows only where segments are in an object store.
	Objects bool
	// Test that finds such a bug, as arguments of go test in the module of the tests.
	Test  string
	Edits []Edit
}

// Edit replaces a piece of a file's text.
type Edit struct {
	File string // below the repository, with slashes
	Old  string // occurs once in the file
	New  string
}

// All returns the bugs in the order that events flow: ingest, worker, warehouse,
// stats.
func All() []Bug { return slices.Concat(ingest(), worker(), warehouse(), stats()) }

// Overlay writes the files with a bug, and the list of them for `go build -overlay`,
// into dir, and returns the path of the list. The error names the bug when one of
// its edits no longer fits the source.
func Overlay(dir string, bug Bug) (path string, err error) {
	root, err := stack.Root()
	if err != nil {
		return "", err
	}
	// The compiler runs in the folders of other modules.
	if dir, err = filepath.Abs(dir); err != nil {
		return "", fmt.Errorf("making bug %s: %w", bug.Name, err)
	}
	texts, err := apply(root, bug.Edits)
	if err != nil {
		return "", fmt.Errorf("making bug %s: %w", bug.Name, err)
	}
	replace := map[string]string{}
	for file, text := range texts {
		edited := filepath.Join(dir, strings.ReplaceAll(file, "/", "-"))
		if err := os.WriteFile(edited, []byte(text), 0o600); err != nil {
			return "", fmt.Errorf("making bug %s: %w", bug.Name, err)
		}
		replace[filepath.Join(root, filepath.FromSlash(file))] = edited
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", fmt.Errorf("making bug %s: %w", bug.Name, err)
	}
	path = filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, list, 0o600); err != nil {
		return "", fmt.Errorf("making bug %s: %w", bug.Name, err)
	}
	return path, nil
}

// apply returns the edited texts by file.
func apply(root string, edits []Edit) (map[string]string, error) {
	texts := map[string]string{}
	for i, e := range edits {
		text, ok := texts[e.File]
		if !ok {
			source, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(e.File)))
			if err != nil {
				return nil, err
			}
			text = string(source)
		}
		if n := strings.Count(text, e.Old); n != 1 {
			return nil, fmt.Errorf("edit %d is stale: its text occurs %d times in %s", i+1, n, e.File)
		}
		texts[e.File] = strings.Replace(text, e.Old, e.New, 1)
	}
	return texts, nil
}
