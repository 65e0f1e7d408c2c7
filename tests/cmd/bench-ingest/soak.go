package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"eventanalytics/tests/bench/loadgen"
	"eventanalytics/tests/bench/measure"
)

const soakEvery = 30 * time.Second

// soak sustains full load and reports whether the service's memory stays flat.
func soak(ctx context.Context, b *bench) error {
	if b.Soak == 0 {
		return nil
	}
	if err := b.empty(ctx); err != nil {
		return err
	}
	if err := b.serve(ctx); err != nil { // a fresh process
		return err
	}
	s := shape{batch: 100, connections: 64}
	measure.Heading(fmt.Sprintf("Full load for %s, %d events a request on %d connections", b.Soak, s.batch, s.connections),
		"s", "RSS of the service, MB", "peak since the last, MB")
	done := make(chan error, 1)
	var report *loadgen.Report
	start := time.Now()
	go func() {
		var err error
		report, err = b.load(ctx, s, 0, b.Soak)
		done <- err
	}()
	ticker := time.NewTicker(min(soakEvery, max(b.Soak/4, time.Millisecond)))
	defer ticker.Stop()
	var peaks []uint64
	for {
		if err := measure.ForgetPeak(b.service.PID()); err != nil {
			return err
		}
		select {
		case err := <-done:
			if err != nil {
				return err
			}
			fmt.Printf("\n%.0f events/s, p99 %s ms. %s\n", report.EventsPerSecond(), measure.Milliseconds(report.Quantile(99)), flatness(peaks))
			return nil
		case <-ticker.C:
		}
		now, peak, err := measure.Memory(b.service.PID())
		if err != nil {
			return err
		}
		peaks = append(peaks, peak)
		measure.Row(fmt.Sprintf("%.0f", time.Since(start).Seconds()), measure.Megabytes(now), measure.Megabytes(peak))
	}
}

// flatness compares the highest peaks of the first and last thirds. It ignores the
// very first peak, while the process still warms up.
func flatness(peaks []uint64) string {
	if len(peaks) < 4 {
		return "Too short to say whether memory grows."
	}
	peaks = peaks[1:]
	third := max(1, len(peaks)/3)
	first, last := slices.Max(peaks[:third]), slices.Max(peaks[len(peaks)-third:])
	return fmt.Sprintf("Highest peak of RSS in the first third %s MB, in the last %s MB: %+.0f %%.",
		measure.Megabytes(first), measure.Megabytes(last), 100*(float64(last)/float64(first)-1))
}
