// Command fault-test breaks a running service in every way it can while clients
// post, round after round, and checks that it kept its promise: see package
// faults. With --bug the service has a deliberate bug, which must be found.
package main

import (
	"cmp"
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
	"eventanalytics/tests/faults/bugs"
	"eventanalytics/tests/harness/stack"
)

type command struct {
	Rounds int    `default:"100" help:"Rounds, each with one fault."`
	Seed   uint64 `help:"Seed of the first round; 0 takes any."`
	Only   string `help:"Regular expression: only faults whose name matches."`
	Bug    string `help:"Regular expression: run against the seeded bugs whose name matches."`
	Quiet  bool   `help:"Print no line for each round."`
}

func (c command) options() (faults.Options, error) {
	o := faults.Options{Rounds: c.Rounds, Seed: c.Seed, Variant: faults.Failpoints, Log: os.Stderr}
	if o.Seed == 0 {
		o.Seed = rand.Uint64() >> 1
	}
	if c.Quiet {
		o.Log = io.Discard
	}
	var err error
	if c.Only != "" {
		if o.Only, err = regexp.Compile(c.Only); err != nil {
			return o, fmt.Errorf("reading --only: %w", err)
		}
	}
	// Not below the working directory: Postgres runs as another user, which must be
	// able to enter.
	if o.Dir, err = os.MkdirTemp("", "analytics-faults-"); err != nil {
		return o, fmt.Errorf("making a folder: %w", err)
	}
	if err := os.Chmod(o.Dir, 0o755); err != nil {
		return o, fmt.Errorf("making a folder: %w", err)
	}
	return o, nil
}

func (c command) run(ctx context.Context) error {
	if c.Bug != "" {
		return c.detect(ctx)
	}
	o, err := c.options()
	if err != nil {
		return err
	}
	report, err := faults.Run(ctx, o)
	if err := report.Write(os.Stdout); err != nil {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w\njournals and logs are kept in %s", err, o.Dir)
	}
	fmt.Println("0 failures")
	return os.RemoveAll(o.Dir)
}

// detect runs the rounds against each seeded bug.
func (c command) detect(ctx context.Context) error {
	name, err := regexp.Compile(c.Bug)
	if err != nil {
		return fmt.Errorf("reading --bug: %w", err)
	}
	undetected := 0
	for _, bug := range bugs.All() {
		if ctx.Err() != nil || !name.MatchString(bug.Name) {
			continue
		}
		if bug.Objects && !stack.Objects() {
			fmt.Printf("%s: left out, it needs OBJECTS=1\n", bug.Name)
			continue
		}
		o, err := c.options()
		if err != nil {
			return err
		}
		detected, err := faults.Detect(ctx, bug, o)
		if err != nil {
			undetected++
			fmt.Printf("%s: %s\n", bug.Name, err)
			continue
		}
		fmt.Printf("%s: found by %q in round %d (%s)\n", bug.Name, detected.Check, detected.Rounds, cmp.Or(detected.Fault, "no fault"))
		if err := os.RemoveAll(o.Dir); err != nil {
			return fmt.Errorf("removing a folder: %w", err)
		}
	}
	if undetected > 0 {
		return fmt.Errorf("%d bugs were not found", undetected)
	}
	return nil
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
