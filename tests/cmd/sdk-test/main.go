// Command sdk-test runs vendors' SDKs against the service over a network that fails, and
// compares what they recorded with what is stored: see package sdk. Their packages must
// be installed, which make sdk-test does.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/alecthomas/kong"

	"eventanalytics/tests/sdk"
)

type command struct {
	SDK    *regexp.Regexp `name:"sdk" help:"Only the SDKs whose name matches."`
	Fault  *regexp.Regexp `help:"Only the faults whose name matches: none, before, during, after, slow, 503, 429."`
	Lanes  int            `default:"4" help:"Runs at a time."`
	Record string         `type:"path" help:"Folder for the requests of runs without a fault, in the form of services/ingest/testdata/sdks."`
}

func (c command) run(ctx context.Context) error {
	// Not below the working directory: Postgres runs as another user, which must be able
	// to enter.
	dir, err := os.MkdirTemp("", "analytics-sdks-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	report, err := sdk.Run(ctx, sdk.Options{SDK: c.SDK, Fault: c.Fault, Lanes: max(c.Lanes, 1), Dir: dir, Log: os.Stderr, Record: c.Record})
	if report != nil {
		err = errors.Join(err, report.Write(os.Stdout))
	}
	if err != nil {
		return fmt.Errorf("%w\nlogs are kept in %s", err, dir)
	}
	return os.RemoveAll(dir)
}

func main() {
	var c command
	k := kong.Parse(&c, kong.Name("sdk-test"), kong.Description("Runs vendors' SDKs against the service over a network that fails."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k.FatalIfErrorf(c.run(ctx))
}
