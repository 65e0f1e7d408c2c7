// Command bench-stats measures how fast questions about one large project are
// answered, compared with DuckDB and ClickHouse on tables of their own with the same
// events, and fails when the answers differ. It prints tables in Markdown and draws
// charts of them. It needs Linux, because CPU and memory are read from /proc.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	_ "time/tzdata" // the zones of some questions

	"github.com/alecthomas/kong"

	"eventanalytics/tests/bench/history"
)

type options struct {
	Events int64  `default:"1000000" help:"Events of the project."`
	Users  int64  `help:"About how many users they have. Defaults to a hundredth of the events, at least 10000."`
	Days   int    `default:"365" help:"Days the events arrive over; at least 120."`
	Seed   uint64 `default:"1" help:"Seed of the events."`

	Directory string `name:"dir" help:"Folder that keeps the events from run to run. Defaults to analytics-bench-stats in the system's temporary one."`
	Fresh     bool   `help:"Regenerate the events even if they exist."`
	Ahead     int64  `default:"2000000" help:"Maximum number of events in the outbox that are not loaded yet, while the events are generated."`

	Rounds     int            `default:"7" help:"How often each question is asked where a table shows medians."`
	Seconds    float64        `default:"3" help:"How long each question is asked by so many clients at once."`
	Cap        time.Duration  `default:"120s" help:"Maximum duration of a query of the comparison."`
	Memory     string         `default:"8GB" help:"Maximum memory of the DuckDB that is compared with."`
	ClickHouse string         `name:"clickhouse" type:"path" help:"Program that runs ClickHouse, built from tests/bench/clickhouse; without it the section \"engines\" leaves ClickHouse out."`
	Samples    int            `default:"20" help:"How often each engine is asked each question in the section \"engines\", at most: one that has taken --seconds is asked no more after five."`
	Cold       int            `default:"3" help:"How often each engine is restarted there for each question, with the page cache of its files dropped; 0 asks for no first answers."`
	Questions  *regexp.Regexp `help:"Ask only the questions whose names match."`
	Images     string         `type:"path" help:"Folder for the charts; without it none are drawn."`
	Page       string         `type:"path" help:"Page to write the table of targets into, between its marks for so many events."`
	LoadRate   float64        `default:"5000" help:"Events a second that are posted in the sections \"load\" and \"soak\"."`
	Soak       time.Duration  `help:"How long the section \"soak\" lasts, such as 10m; without it the section is skipped."`

	Only        *regexp.Regexp `help:"Run only the sections that match: generate, baselines, ready, engines, questions, noisy, load, soak. Events that are missing are made in any case."`
	Environment []string       `name:"env" help:"A setting of the services, NAME=value; it may be repeated."`
}

// lastDay of the events. It is in the past in every zone, so that no bucket is in the
// future.
var lastDay = time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC)

func (o *options) history() history.Config {
	return history.Config{Seed: o.Seed, Events: o.Events, Users: o.Users, Days: o.Days, End: lastDay.AddDate(0, 0, 1)}
}

// AfterApply fills in what depends on other options.
func (o *options) AfterApply() error {
	if o.Users == 0 {
		o.Users = max(10_000, o.Events/100)
	}
	if o.Directory == "" {
		o.Directory = filepath.Join(os.TempDir(), "analytics-bench-stats")
	}
	if o.Days < 120 || o.Rounds < 1 || o.Samples < 1 || o.Cold < 0 {
		return fmt.Errorf("%d days, %d rounds, %d samples, %d cold: the questions need 120 days, a round and a sample", o.Days, o.Rounds, o.Samples, o.Cold)
	}
	return nil
}

func (o *options) wants(section string) bool { return o.Only == nil || o.Only.MatchString(section) }

func (o *options) duration() time.Duration { return time.Duration(o.Seconds * float64(time.Second)) }

// sections in the order they run. Those that post events come last, because they
// change the answers.
var sections = []struct {
	name string
	run  func(context.Context, *bench) error
}{
	{"baselines", baselines},
	{"ready", readiness},
	{"engines", compareEngines},
	{"questions", questionsIdle},
	{"noisy", noisy},
	{"load", questionsLoaded},
	{"soak", soak},
}

func main() {
	var o options
	k := kong.Parse(&o, kong.Name("bench-stats"),
		kong.Description("Measures how fast questions are answered, beside DuckDB and ClickHouse on tables of their own."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k.FatalIfErrorf(run(ctx, o))
}

func run(ctx context.Context, o options) (err error) {
	d, err := openDataset(ctx, o)
	if err != nil {
		return err
	}
	if o.wants("generate") {
		d.print()
	}
	var b *bench
	var failed []error
	for _, s := range sections {
		if !o.wants(s.name) || ctx.Err() != nil {
			continue
		}
		if b == nil { // the first that needs the services
			if b, err = start(ctx, o, d); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, b.stop()) }()
			if err := b.printEnvironment(ctx); err != nil {
				return err
			}
		}
		// The other sections are still worth running.
		if err := s.run(ctx, b); err != nil {
			fmt.Printf("\nFAILED: section %s\n", s.name)
			failed = append(failed, fmt.Errorf("section %s: %w", s.name, err))
		}
	}
	return errors.Join(append(failed, ctx.Err())...)
}

// progress prints a line for whoever is waiting.
func progress(format string, values ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", values...)
}
