// Command bench-ingest measures how fast ingest is compared with bare Postgres:
// everything runs on the same Postgres, in turns, so that the ratios hold on any
// machine. It prints tables in Markdown and draws charts of them. It needs Linux, because
// CPU and memory are read from /proc.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

type options struct {
	Rounds    int            `default:"5" help:"Rounds of each upload; the tables show medians."`
	Seconds   float64        `default:"8" help:"How long each case of many requests runs."`
	Events    int            `default:"100000" help:"Events of an upload."`
	Ledger    int64          `default:"20000000" help:"Ids of another project that the ledger holds in the section \"ledger\"; 0 skips it."`
	Steady    float64        `default:"100" help:"Requests a second, of 100 events, of the steady load in the section \"freshness\"."`
	Soak      time.Duration  `help:"How long the section \"soak\" keeps up full load, such as 10m; without it the section is skipped."`
	Only      *regexp.Regexp `help:"Run only the sections that match: upload, rows, requests, routes, ledger, freshness, soak."`
	MaxWAL    string         `name:"max-wal-size" help:"max_wal_size of Postgres, such as 8GB. Defaults to Postgres' own: a large ledger then goes from checkpoint to checkpoint."`
	Seed      uint64         `default:"1" help:"Seed of the events."`
	Images    string         `type:"path" help:"Folder for the charts; without it none are drawn."`
	Directory string         `name:"dir" help:"Folder for Postgres' data and all logs; it is removed at the end. Defaults to the system's temporary one."`
}

// sections in the order they run. Those that need a worker are last, because it reads
// everything in the outbox.
var sections = []struct {
	name string
	run  func(context.Context, *bench) error
}{
	{"upload", uploads},
	{"rows", rowByRow},
	{"requests", manyRequests},
	{"routes", routes},
	{"ledger", largeLedger},
	{"freshness", freshness},
	{"soak", soak},
}

func main() {
	var o options
	k := kong.Parse(&o, kong.Name("bench-ingest"),
		kong.Description("Measures how fast events are taken in, beside what Postgres itself can do."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k.FatalIfErrorf(run(ctx, o))
}

func run(ctx context.Context, o options) error {
	b, err := start(ctx, o)
	if err != nil {
		return err
	}
	defer b.stop()
	if err := b.printEnvironment(ctx); err != nil {
		return err
	}
	for _, s := range sections {
		if o.Only != nil && !o.Only.MatchString(s.name) {
			continue
		}
		if err := s.run(ctx, b); err != nil {
			return fmt.Errorf("section %s: %w", s.name, err)
		}
	}
	return nil
}

func (o *options) duration() time.Duration { return time.Duration(o.Seconds * float64(time.Second)) }
