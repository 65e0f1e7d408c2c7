package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"eventanalytics/tests/bench/loadgen"
	"eventanalytics/tests/bench/measure"
)

// shape of many requests at once.
type shape struct{ batch, connections int }

var shapes = []shape{{1, 64}, {1, 256}, {10, 64}, {10, 256}, {100, 64}, {100, 256}, {1000, 16}}

// manyRequests posts events in small requests, with and without group commit.
func manyRequests(ctx context.Context, b *bench) error {
	if err := b.needCopyRate(ctx); err != nil {
		return err
	}
	return b.groupCommits(ctx, "ingest-requests", fmt.Sprintf("Many requests, closed loop, %s each", b.duration()), shapes, b.empty)
}

// groupCommits measures each shape with both settings in immediate succession, each
// setting first in turn, so that a machine that slows down does not look like the
// effect of a setting. prepare runs before each. The chart of them is named file.
func (b *bench) groupCommits(ctx context.Context, file, title string, shapes []shape, prepare func(context.Context) error) error {
	requestsHeading(title)
	rates := make([]map[string]float64, len(shapes))
	settings := []string{"true", "false"}
	for i, s := range shapes {
		rates[i] = map[string]float64{}
		for _, group := range settings {
			if err := prepare(ctx); err != nil {
				return err
			}
			if err := b.serve(ctx, "GROUP_COMMIT="+group); err != nil {
				return err
			}
			rate, err := b.requests(ctx, s, group)
			if err != nil {
				return err
			}
			rates[i][group] = rate
		}
		slices.Reverse(settings)
	}
	if err := b.drawRequests(file, title, shapes, rates); err != nil {
		return err
	}
	return b.serve(ctx)
}

func requestsHeading(title string) {
	measure.Heading(title, "events a request", "connections", "GROUP_COMMIT", "events/s", "of COPY's (a)", "p50 ms", "p99 ms", "p99.9 ms",
		"CPU ms per 100,000 events: client", "service", "Postgres", "WAL bytes per event", "checkpoints", "peak RSS of the service, MB", "answers")
}

// requests measures one shape, after warming up connections, caches and pages with
// it.
func (b *bench) requests(ctx context.Context, s shape, group string) (rate float64, err error) {
	progress("%d events a request on %d connections, GROUP_COMMIT=%s", s.batch, s.connections, group)
	if _, err := b.load(ctx, s, 0, b.duration()/4); err != nil {
		return 0, err
	}
	if err := measure.ForgetPeak(b.service.PID()); err != nil {
		return 0, err
	}
	var report *loadgen.Report
	c, err := b.measure(ctx, func() (err error) {
		report, err = b.load(ctx, s, 0, b.duration())
		return err
	})
	if err != nil {
		return 0, err
	}
	_, peak, err := measure.Memory(b.service.PID())
	if err != nil {
		return 0, err
	}
	cpu := func(d time.Duration) string { return measure.Milliseconds(measure.Per(d, report.Sent, 100_000)) }
	measure.Row(fmt.Sprint(s.batch), fmt.Sprint(s.connections), group,
		fmt.Sprintf("%.0f", report.EventsPerSecond()), fmt.Sprintf("%.3f", report.EventsPerSecond()/b.copyRate),
		measure.Milliseconds(report.Quantile(50)), measure.Milliseconds(report.Quantile(99)), measure.Milliseconds(report.Quantile(99.9)),
		cpu(c.client), cpu(c.service), cpu(c.postgres),
		fmt.Sprint(c.wal/report.Sent), fmt.Sprint(c.checkpoints), measure.Megabytes(peak), report.Answers())
	return report.EventsPerSecond(), nil
}

// load runs for a while; a rate of 0 is a closed loop.
func (b *bench) load(ctx context.Context, s shape, rate float64, duration time.Duration) (*loadgen.Report, error) {
	return loadgen.Run(ctx, b.pool, loadgen.Config{
		Client: b.posting(s.connections), Stream: b.nextStream(),
		Batch: s.batch, Rate: rate, Duration: duration,
	})
}
