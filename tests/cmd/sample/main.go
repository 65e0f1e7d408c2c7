// Command sample writes the repository's sample events into a folder:
// events_sample.json and events_sample.csv (the same 5,000 events) and
// events_small.json (ten others).
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"eventanalytics/tests/harness/sample"
)

func main() {
	dir := flag.String("dir", "harness/sample", "folder to write into")
	flag.Parse()
	if err := run(*dir); err != nil {
		fmt.Fprintln(os.Stderr, "sample:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	month := sample.Generate(sample.August())
	few := sample.August()
	few.Seed, few.Events, few.Users = few.Seed+1, 10, 5
	return errors.Join(
		write(filepath.Join(dir, "events_sample.json"), month, sample.WriteJSON),
		write(filepath.Join(dir, "events_sample.csv"), month, sample.WriteCSV),
		write(filepath.Join(dir, "events_small.json"), sample.Generate(few), sample.WriteJSON),
	)
}

func write(path string, events []sample.Event, as func(io.Writer, []sample.Event) error) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("creating the sample: %w", err)
	}
	return errors.Join(as(f, events), f.Close())
}
