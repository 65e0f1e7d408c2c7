// Command import_events imports events from files over the service's HTTP API:
// it rejects what the API rejects, and a file that was imported before, entirely
// or in part, can be imported again.
//
// Exit status: 0 if every event in the file is stored, 1 if the import failed or
// was stopped (run it again to resume), 2 for an invalid command line, 3 if it
// finished but rows were rejected.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"eventanalytics/cmd/import_events/preset"
	"eventanalytics/pkg/platform/build"
)

// Exit status of the program.
const (
	exitStored   = 0
	exitFailed   = 1
	exitUsage    = 2
	exitRejected = 3
)

const name = "import_events"

const description = `Imports events from files over the service's HTTP API.

A file is .csv, .tsv, .ndjson, .jsonl or .json, optionally followed by .gz or .zst, or .parquet. Without options it has the columns (or members) event_id, occurred_at, user_id, event_type and properties_json; --map says otherwise, and --preset knows the exports of other products.

After an interruption, run it again: it resumes where it left off. Events that are already stored are not counted twice.

Exit status: 0 every event is stored; 1 failed or stopped, run it again to resume; 2 invalid command line; 3 finished, but rows were rejected.`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout io.Writer, stderr *os.File) int {
	var o options
	parser := kong.Must(&o, kong.Name(name), kong.Description(description), kong.Writers(stdout, stderr),
		kong.Vars{"version": build.Line(name), "presets": strings.Join(preset.Names(), ", ")})
	_, err := parser.Parse(args)
	if err == nil {
		err = o.name()
	}
	if err != nil {
		fmt.Fprintln(stderr, "import_events:", err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program immediately
	rejected, err := importFiles(ctx, o, stdout, stderr)
	switch {
	case err != nil:
		fmt.Fprintln(stderr, "import_events:", err)
		return exitFailed
	case rejected:
		return exitRejected
	}
	return exitStored
}
