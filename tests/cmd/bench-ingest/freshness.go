package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/client"
	"eventanalytics/tests/bench/loadgen"
	"eventanalytics/tests/bench/measure"
	"eventanalytics/tests/harness/stack"
)

const (
	sampleEvery = 300 * time.Millisecond
	longestWait = 10 * time.Minute
)

// freshness measures how soon events are counted under load: a probe posts from time
// to time and requests statistics that include its events.
func freshness(ctx context.Context, b *bench) error {
	if err := b.empty(ctx); err != nil {
		return err
	}
	var started []*stack.Process
	for _, name := range []string{"syncworker", "stats"} {
		p, err := b.stack.StartService(ctx, name)
		if err != nil {
			return err
		}
		started = append(started, p)
	}
	measure.Heading("From POST to visible in /api/stats/dau, while 100-event requests are posted", "load", "connections", "events/s",
		"202: p50 ms", "p99 ms", "samples", "visible: p50 ms", "p99 ms", "max ms")
	for _, load := range []struct {
		name string
		rate float64
	}{{fmt.Sprintf("%.0f requests/s", b.Steady), b.Steady}, {"closed loop", 0}} {
		if err := b.fresh(ctx, load.name, load.rate); err != nil {
			return err
		}
	}
	var errs []error
	for _, p := range started {
		errs = append(errs, p.Stop())
	}
	return errors.Join(errs...)
}

func (b *bench) fresh(ctx context.Context, name string, rate float64) error {
	progress("Freshness, %s", name)
	s := shape{batch: 100, connections: 64}
	p, err := b.newProbe()
	if err != nil {
		return err
	}
	if _, err := p.sample(ctx); err != nil { // the worker has caught up
		return err
	}
	var report *loadgen.Report
	loading, stop := context.WithCancel(ctx)
	defer stop()
	var g errgroup.Group
	g.Go(func() (err error) {
		defer stop()
		report, err = b.load(ctx, s, rate, b.duration())
		return err
	})
	seen := hdrhistogram.New(1, longestWait.Microseconds(), 3)
	g.Go(func() error {
		for {
			took, err := p.sample(ctx)
			if err != nil {
				return err
			}
			_ = seen.RecordValue(min(took, longestWait).Microseconds()) // in its bounds
			select {
			case <-loading.Done():
				return nil
			case <-time.After(sampleEvery):
			}
		}
	})
	if err := g.Wait(); err != nil {
		return err
	}
	at := func(q float64) string {
		return measure.Milliseconds(time.Duration(seen.ValueAtQuantile(q)) * time.Microsecond)
	}
	measure.Row(name, fmt.Sprint(s.connections), fmt.Sprintf("%.0f", report.EventsPerSecond()),
		measure.Milliseconds(report.Quantile(50)), measure.Milliseconds(report.Quantile(99)),
		fmt.Sprint(seen.TotalCount()), at(50), at(99), at(100))
	return nil
}

// probe posts like any other client and then waits for its events.
type probe struct {
	bench   *bench
	posting *client.Client
	asking  *client.Client
	stream  *loadgen.Stream
	days    url.Values
}

func (b *bench) newProbe() (*probe, error) {
	posting, err := client.New(b.posting(1))
	if err != nil {
		return nil, err
	}
	asking, err := client.New(client.Config{URL: b.url("stats"), APIKey: b.keys.Read})
	if err != nil {
		return nil, err
	}
	stream, err := loadgen.NewStream(b.pool, b.nextStream())
	if err != nil {
		return nil, err
	}
	today := time.Now().UTC().Format(time.DateOnly)
	return &probe{bench: b, posting: posting, asking: asking, stream: stream, days: url.Values{"from": {today}, "to": {today}}}, nil
}

// sample returns the time from the beginning of a POST until its events are in
// an answer.
func (p *probe) sample(ctx context.Context) (time.Duration, error) {
	body := p.bench.pool.Append(nil, p.stream.Append(nil, 100))
	start := time.Now()
	receipt, err := p.posting.PostEvents(ctx, client.Upload{Body: body})
	if err != nil {
		return 0, fmt.Errorf("posting a sample: %w", err)
	}
	for time.Since(start) < longestWait {
		visible, err := p.visible(ctx, receipt.Position)
		if err != nil {
			return 0, err
		}
		if visible {
			return time.Since(start), nil
		}
	}
	return 0, fmt.Errorf("a sample is not visible after %s", longestWait)
}

// visible asks once; the service holds the answer back until it is fresh enough
// or ten seconds have passed. The client is not to try again on its own: it would
// wait in between.
func (p *probe) visible(ctx context.Context, position string) (bool, error) {
	_, err := p.asking.Ask(ctx, client.Question{Metric: "dau", Values: p.days, MinPosition: position, Wait: 10 * time.Second})
	var refused *client.Problem
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &refused) && refused.Status == http.StatusServiceUnavailable:
		return false, nil
	}
	return false, fmt.Errorf("asking for statistics: %w", err)
}
