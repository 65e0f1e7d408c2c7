// Command import_events imports events from a file over the service's HTTP API:
// it rejects what the API rejects, and a file that was imported before, entirely
// or in part, can be imported again.
//
// Exit status: 0 if every event in the file is stored, 1 if the import failed or
// was stopped (run it again to resume), 2 for an invalid command line, 3 if it
// finished but rows were rejected.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"eventanalytics/pkg/client"
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

const description = `Imports events from a file over the service's HTTP API.

The file is .csv, .ndjson or .jsonl, optionally followed by .gz or .zst, or .parquet, with the columns (or members) event_id, occurred_at, user_id, event_type and properties_json.

After an interruption, run it again: it resumes where it left off. Events that are already stored are not counted twice.

Exit status: 0 every event is stored; 1 failed or stopped, run it again to resume; 2 invalid command line; 3 finished, but rows were rejected.`

type options struct {
	File string `arg:"" type:"existingfile" help:"File with the events."`

	URL      string `name:"url" env:"ANALYTICS_URL" default:"http://localhost:5066" help:"Address of the service."`
	Username string `env:"ANALYTICS_USERNAME" help:"Name of the account; requires a password. Alternatively, give an API key."`
	Password string `env:"ANALYTICS_PASSWORD" help:"Password of the account; other users of this machine can see it unless it comes from the environment."`
	APIKey   string `name:"api-key" env:"ANALYTICS_API_KEY" help:"API key with the scope ingest; also better passed in the environment."`
	Project  int64  `help:"Number of the project, instead of the account's own."`

	Batch       int           `default:"10000" help:"Maximum events per request; a request also ends at 8 MiB of the file."`
	Parallel    int           `default:"4" help:"Concurrent requests."`
	Compression string        `enum:"zstd,gzip,none" default:"zstd" help:"Compression of requests: zstd, gzip or none."`
	RetryFor    time.Duration `default:"15m" help:"How long to retry a request while the service is down or busy."`

	Checkpoint string `type:"path" help:"File that records how far the import has got; by default the file's name plus .checkpoint, in the working directory. Removed at the end."`
	Rejects    string `type:"path" help:"CSV file for rows that were not imported; by default the file's name plus .rejects.csv (.dry-run.rejects.csv for a dry run), in the working directory. Overwritten if it exists."`
	DryRun     bool   `help:"Check the whole file as the service would and write the reject file, but send nothing."`
	Quiet      bool   `help:"Hide progress."`

	Version kong.VersionFlag `help:"Print the version and exit."`
}

// batchBytes of the file end a batch: far below the service's default limit of
// 64 MiB, so that requests are answered quickly.
const batchBytes = 8 << 20

// Validate reports everything that is wrong with the options (for kong).
func (o *options) Validate() error {
	var errs []error
	if o.Batch < 1 || o.Parallel < 1 {
		errs = append(errs, errors.New("--batch and --parallel must be positive"))
	}
	if o.Project < 0 {
		errs = append(errs, errors.New("--project must be positive"))
	}
	if o.RetryFor <= 0 {
		errs = append(errs, errors.New("--retry-for must be positive"))
	}
	if o.DryRun {
		return errors.Join(errs...)
	}
	if err := client.CheckURL(o.URL); err != nil {
		errs = append(errs, fmt.Errorf("--url: %w", err))
	}
	switch account := o.Username != "" || o.Password != ""; {
	case account && o.APIKey != "":
		errs = append(errs, errors.New("give either --username and --password or --api-key"))
	case account && (o.Username == "" || o.Password == ""), !account && o.APIKey == "":
		errs = append(errs, errors.New("give --username and --password, or --api-key"))
	case o.APIKey != "" && o.Project != 0:
		errs = append(errs, errors.New("--project requires --username: an API key belongs to one project"))
	}
	return errors.Join(errs...)
}

// name fills in the file names that were not given.
func (o *options) name() error {
	base := filepath.Base(o.File)
	if o.Checkpoint == "" {
		o.Checkpoint = base + ".checkpoint"
	}
	if o.Rejects == "" {
		o.Rejects = base + ".rejects.csv"
		if o.DryRun { // those of an interrupted import are still needed
			o.Rejects = base + ".dry-run.rejects.csv"
		}
	}
	input, err := os.Stat(o.File)
	if err != nil {
		return fmt.Errorf("examining the file: %w", err)
	}
	for _, path := range []string{o.Checkpoint, o.Rejects} {
		if other, err := os.Stat(path); err == nil && os.SameFile(input, other) {
			return fmt.Errorf("%s is the file to be imported", path)
		}
	}
	if o.Checkpoint == o.Rejects {
		return fmt.Errorf("%s cannot be both the checkpoint and the reject file", o.Rejects)
	}
	return nil
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout io.Writer, stderr *os.File) int {
	var o options
	parser := kong.Must(&o, kong.Name(name), kong.Description(description), kong.Writers(stdout, stderr),
		kong.Vars{"version": build.Line(name)})
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
	rejected, err := importFile(ctx, o, stdout, stderr)
	switch {
	case err != nil:
		fmt.Fprintln(stderr, "import_events:", err)
		return exitFailed
	case rejected:
		return exitRejected
	}
	return exitStored
}
