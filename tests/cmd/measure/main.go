// Command measure runs the service on this machine and prints how long uploads take:
// POST → 202, and POST → visible in the statistics. It asserts nothing.
package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"eventanalytics/pkg/client"
	"eventanalytics/tests/harness/account"
	"eventanalytics/tests/harness/sample"
	"eventanalytics/tests/harness/stack"
)

func main() {
	services := flag.Bool("services", false, "measure the services behind nginx, not the standalone")
	rounds := flag.Int("rounds", 20, "uploads of each size")
	flag.Parse()
	if err := run(context.Background(), *services, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, services bool, rounds int) (err error) {
	start, names := stack.Standalone, []string{"standalone"}
	if services {
		start, names = stack.Services, []string{"account", "ingest", "syncworker", "stats"}
	}
	if err := stack.Build(ctx, names...); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "analytics-measure-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return fmt.Errorf("opening the folder: %w", err)
	}
	s, err := start(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()

	c, _, err := account.Register(ctx, client.Config{URL: s.URL}, "measure")
	if err != nil {
		return err
	}
	if _, err := c.Do(ctx, client.Request{Path: "/api/auth/me"}); err != nil { // the login is not to be measured
		return err
	}
	fmt.Printf("%8s %7s %12s %12s %12s %12s\n", "events", "rounds", "202 p50", "202 max", "visible p50", "visible max")
	for _, n := range []int{1, 1_000, 100_000} {
		if n == 100_000 {
			rounds = min(rounds, 5)
		}
		if err := measure(ctx, c, n, rounds); err != nil {
			return err
		}
	}
	return nil
}

// measure prints how long uploads of so many events take.
func measure(ctx context.Context, c *client.Client, events, rounds int) error {
	var accepted, visible []time.Duration
	for round := range rounds {
		var body bytes.Buffer
		err := sample.WriteJSON(&body, sample.Generate(sample.Config{
			Seed: uint64(events*1000 + round), Events: events, Users: 20_000, Days: 30,
			From: time.Date(2025, 8, 1, 0, 0, 0, 0, time.UTC),
		}))
		if err != nil {
			return err
		}
		begin := time.Now()
		receipt, err := c.PostEvents(ctx, client.Upload{Body: body.Bytes()})
		if err != nil {
			return err
		}
		accepted = append(accepted, time.Since(begin))
		if receipt.Accepted != events {
			return fmt.Errorf("%d of %d events were accepted", receipt.Accepted, events)
		}
		if _, err := c.Ask(ctx, client.Question{Metric: "event-types", MinPosition: receipt.Position, Wait: 30 * time.Second}); err != nil {
			return err
		}
		visible = append(visible, time.Since(begin))
	}
	slices.SortFunc(accepted, cmp.Compare[time.Duration])
	slices.SortFunc(visible, cmp.Compare[time.Duration])
	ms := func(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
	fmt.Printf("%8d %7d %12s %12s %12s %12s\n", events, rounds,
		ms(accepted[rounds/2]), ms(accepted[rounds-1]), ms(visible[rounds/2]), ms(visible[rounds-1]))
	return nil
}
