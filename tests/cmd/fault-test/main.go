// Command fault-test breaks a running service in every way it can while clients
// post, round after round, and checks that it kept its promise: see package
// faults.
package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/alecthomas/kong"

	"eventanalytics/tests/faults"
)

type command struct {
	Rounds int    `default:"100" help:"Rounds, each with one fault."`
	Seed   uint64 `help:"Seed of the first round; 0 takes any."`
	Only   string `help:"Regular expression: only faults whose name matches."`
	Quiet  bool   `help:"Print no line for each round."`
}

func (c command) run(ctx context.Context) (err error) {
	// Not below the working folder: Postgres runs as another user, who must get in.
	dir, err := os.MkdirTemp("", "analytics-faults-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	only, err := regexp.Compile(c.Only)
	if err != nil {
		return fmt.Errorf("reading --only: %w", err)
	}
	if c.Seed == 0 {
		c.Seed = rand.Uint64() >> 1
	}
	o := faults.Options{Rounds: c.Rounds, Seed: c.Seed, Only: only, Dir: dir, Variant: faults.Failpoints, Log: os.Stderr}
	if c.Quiet {
		o.Log = io.Discard
	}
	report, err := faults.Run(ctx, o)
	if err := report.Write(os.Stdout); err != nil {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w\njournals and logs are kept in %s", err, dir)
	}
	fmt.Println("0 failures")
	return os.RemoveAll(dir)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c command
	k := kong.Parse(&c, kong.Name("fault-test"), kong.Description("Breaks a running service while clients post, and checks what it counted."))
	if err := c.run(ctx); ctx.Err() == nil {
		k.FatalIfErrorf(err)
	}
}
