package main

import (
	"context"
	"fmt"
	"time"

	"eventanalytics/tests/bench/loadgen"
	"eventanalytics/tests/bench/measure"
)

// way is a route with what its rounds took.
type way struct {
	route   loadgen.Route
	rates   []float64       // events a second
	p50s    []time.Duration // of latency
	p99s    []time.Duration
	service []time.Duration // CPU for 100,000 events
}

// routes posts events by SDKs' routes and by the native one, in turns, so that other load
// on the machine affects all of them.
func routes(ctx context.Context, b *bench) error {
	measure.Heading(fmt.Sprintf("Routes of SDKs, closed loop, medians of %d rounds of %s", b.Rounds, b.duration()), "events a request", "connections", "route",
		"events/s", "÷ native", "CPU ms of the service per 100,000 events", "÷ native", "p50 ms", "p99 ms")
	for _, s := range []shape{{1, 64}, {1, 256}, {100, 64}} {
		ways := []*way{{route: loadgen.Native}, {route: loadgen.Segment}, {route: loadgen.PostHog}}
		for round := range b.Rounds {
			progress("%d events a request on %d connections by each route, round %d of %d", s.batch, s.connections, round+1, b.Rounds)
			for i := range ways {
				if err := b.routed(ctx, s, ways[(round+i)%len(ways)]); err != nil {
					return err
				}
			}
		}
		native := ways[0]
		for _, w := range ways {
			rate, cpu := measure.Median(w.rates), measure.Median(w.service)
			measure.Row(fmt.Sprint(s.batch), fmt.Sprint(s.connections), string(w.route),
				fmt.Sprintf("%.0f", rate), fmt.Sprintf("%.2f", rate/measure.Median(native.rates)),
				measure.Milliseconds(cpu), fmt.Sprintf("%.2f", cpu.Seconds()/measure.Median(native.service).Seconds()),
				measure.Milliseconds(measure.Median(w.p50s)), measure.Milliseconds(measure.Median(w.p99s)))
		}
	}
	return nil
}

// routed runs one round by a route, after warming it up, and counts what is stored.
func (b *bench) routed(ctx context.Context, s shape, w *way) error {
	if err := b.empty(ctx); err != nil {
		return err
	}
	warm, err := b.loadBy(ctx, w.route, s, b.duration()/4)
	if err != nil {
		return err
	}
	var report *loadgen.Report
	c, err := b.measure(ctx, func() (err error) {
		report, err = b.loadBy(ctx, w.route, s, b.duration())
		return err
	})
	if err != nil {
		return err
	}
	var stored int64
	if err := b.conn.QueryRow(ctx, `SELECT count(*) FROM analytics.event_ids`).Scan(&stored); err != nil {
		return fmt.Errorf("counting what is stored: %w", err)
	}
	if stored != warm.Sent+report.Sent {
		return fmt.Errorf("by %s, %d events are stored of the %d that were taken (%s)", w.route, stored, warm.Sent+report.Sent, report.Answers())
	}
	w.rates = append(w.rates, report.EventsPerSecond())
	w.p50s, w.p99s = append(w.p50s, report.Quantile(50)), append(w.p99s, report.Quantile(99))
	w.service = append(w.service, measure.Per(c.service, report.Sent, 100_000))
	return nil
}

func (b *bench) loadBy(ctx context.Context, route loadgen.Route, s shape, duration time.Duration) (*loadgen.Report, error) {
	return loadgen.Run(ctx, b.pool, loadgen.Config{
		Client: b.posting(s.connections), Route: route, Stream: b.nextStream(), Batch: s.batch, Duration: duration,
	})
}
