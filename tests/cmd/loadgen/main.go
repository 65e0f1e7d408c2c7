// Command loadgen posts generated events to a running service and reports the
// answers.
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"eventanalytics/pkg/client"
	"eventanalytics/tests/bench/loadgen"
)

type cli struct {
	URL      string `default:"http://localhost:5066" help:"The service."`
	APIKey   string `env:"API_KEY" xor:"caller" help:"API key with scope ingest."`
	Username string `xor:"caller" help:"User to log in as; the token lasts 15 minutes."`
	Password string `env:"PASSWORD" help:"Password of the user."`

	Route       string        `default:"native" enum:"native,segment,posthog" help:"Protocol by which the events are posted: native, segment or posthog."`
	Connections int           `default:"16" help:"Connections, one request at a time on each."`
	Batch       int           `default:"100" help:"Events in a request."`
	Rate        float64       `help:"Requests a second, sent at their times whether the service keeps up or not; latency runs from when a request was due. 0: each connection sends when it was answered."`
	Duration    time.Duration `help:"How long to post. Defaults to 10s unless --events is given."`
	Events      int64         `help:"How many events to post."`

	Users       int       `default:"20000" help:"Highest user id; activity follows a Zipf distribution by id."`
	Duplicates  float64   `help:"Share of events, 0 to below 1, that were sent before."`
	Late        float64   `help:"Share of events, 0 to 1, that arrive 1 hour to 30 days late."`
	UUID        int       `default:"4" enum:"4,7" help:"Version of the event ids: 4 (random) or 7 (by time)."`
	Seed        uint64    `help:"The same seed gives the same ids (of version 4) and, with the same --until, the same events. Defaults to a random one: ids that are known are duplicates."`
	Until       time.Time `help:"Time of the newest event, as 2006-01-02T15:04:05Z. Defaults to now."`
	Compression string    `default:"none" enum:"none,gzip,zstd" help:"Of the bodies: none, gzip or zstd."`
}

func main() {
	var c cli
	k := kong.Parse(&c, kong.Name("loadgen"), kong.Description("Posts made-up events at a running service and prints how it answered."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k.FatalIfErrorf(c.run(ctx))
}

func (c *cli) run(ctx context.Context) error {
	cfg := client.Config{URL: c.URL, APIKey: c.APIKey, Compression: client.Compression(c.Compression), Connections: c.Connections}
	switch {
	case c.Username != "":
		var err error
		if cfg.APIKey, err = login(ctx, cfg, c.Username, c.Password); err != nil {
			return fmt.Errorf("logging in: %w", err)
		}
	case c.APIKey == "":
		return errors.New("give --api-key, or --username and --password")
	}
	if c.Duration == 0 && c.Events == 0 {
		c.Duration = 10 * time.Second
	}
	if c.Seed == 0 {
		c.Seed = rand.Uint64()
	}
	pool, err := loadgen.NewPool(loadgen.PoolConfig{Seed: c.Seed, Users: c.Users, Until: c.Until, Late: c.Late})
	if err != nil {
		return err
	}
	fmt.Printf("posting to %s, %d events a request on %d connections, seed %d\n", c.URL, c.Batch, c.Connections, c.Seed)
	report, err := loadgen.Run(ctx, pool, loadgen.Config{
		Client: cfg, Route: loadgen.Route(c.Route),
		Stream: loadgen.StreamConfig{Seed: c.Seed, UUID: c.UUID, Duplicates: c.Duplicates},
		Batch:  c.Batch, Rate: c.Rate, Events: c.Events, Duration: c.Duration,
	})
	if report != nil {
		err = errors.Join(report.Write(os.Stdout), err)
	}
	return err
}

// login returns an access token. It comes before the load, whose latency must not
// hold it.
func login(ctx context.Context, cfg client.Config, username, password string) (string, error) {
	c, err := client.New(cfg)
	if err != nil {
		return "", err
	}
	tokens, err := c.Login(ctx, username, password)
	if err != nil {
		return "", err
	}
	return tokens.Access, nil
}
