package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sync/errgroup"

	"eventanalytics/tests/bench/loadgen"
	"eventanalytics/tests/bench/measure"
	"eventanalytics/tests/harness/stack"
)

const (
	sampleEvery = 300 * time.Millisecond
	longestWait = 10 * time.Minute
)

// freshness measures how soon events are counted, under load: a probe posts now
// and then and asks for statistics with its events in them.
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
	bench  *bench
	post   *loadgen.Post
	stream *loadgen.Stream
	query  url.Values
}

func (b *bench) newProbe() (*probe, error) {
	client, err := loadgen.NewClient(b.client(1))
	if err != nil {
		return nil, err
	}
	stream, err := loadgen.NewStream(b.pool, b.nextStream())
	if err != nil {
		return nil, err
	}
	today := time.Now().UTC().Format(time.DateOnly)
	return &probe{bench: b, post: client.NewPost(), stream: stream, query: url.Values{"from": {today}, "to": {today}, "wait": {"10s"}}}, nil
}

// sample returns the time from the beginning of a POST until its events are in
// an answer.
func (p *probe) sample(ctx context.Context) (time.Duration, error) {
	if err := p.post.SetBody(p.bench.pool.Append(nil, p.stream.Append(nil, 100))); err != nil {
		return 0, err
	}
	start := time.Now()
	status, answer, err := p.post.Do()
	if err != nil {
		return 0, err
	}
	if status != http.StatusAccepted {
		return 0, fmt.Errorf("posting a sample: %d: %s", status, p.post.Text())
	}
	p.query.Set("min_position", answer.Position)
	for time.Since(start) < longestWait {
		visible, err := p.visible(ctx)
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
// or ten seconds have passed.
func (p *probe) visible(ctx context.Context) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.bench.url("stats")+"/api/stats/dau?"+p.query.Encode(), nil)
	if err != nil {
		return false, err
	}
	request.Header.Set("Authorization", "Bearer "+p.bench.readKey)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return false, fmt.Errorf("reading statistics: %w", err)
	}
	switch response.StatusCode {
	case http.StatusOK:
		return true, nil
	case http.StatusServiceUnavailable:
		return false, nil
	}
	return false, fmt.Errorf("asking for statistics: %s: %s", response.Status, text)
}
