package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"eventanalytics/tests/bench/measure"
)

const (
	soakEvery   = 30 * time.Second
	soakClients = 4
	ageEvery    = 10 * time.Second
)

// ageSQL makes a few segments at a time, which no query can read any more, look as if
// their grace period had passed.
const ageSQL = `
UPDATE analytics.segments SET replaced_at = replaced_at - interval '1 hour'
WHERE id IN (
    SELECT id FROM analytics.segments
    WHERE replaced_at < clock_timestamp() - interval '2 minutes' AND replaced_at > clock_timestamp() - interval '1 hour'
    ORDER BY replaced_at LIMIT 100
)`

const soakSQL = `
SELECT count(*) FILTER (WHERE replaced_at IS NULL), count(*) FILTER (WHERE replaced_at IS NOT NULL),
       coalesce(sum(events) FILTER (WHERE replaced_at IS NULL), 0)
FROM analytics.segments`

// soak posts, loads, merges, collects garbage and queries at once, for a long time.
// Nothing may fail, and no event may be lost.
func soak(ctx context.Context, b *bench) error {
	if b.Soak == 0 {
		return nil
	}
	before, err := b.segments(ctx)
	if err != nil {
		return err
	}
	stop, err := b.load(ctx)
	if err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, b.Soak)
	defer cancel()
	var asked *loop
	var g errgroup.Group
	g.Go(func() error {
		a, err := b.asker(soakClients)
		if err != nil {
			return err
		}
		defer a.close()
		// Every other round of the questions may be answered from the cache.
		asked, _ = a.closed(asking, b.questions, soakClients, b.Soak, 0,
			func(turn int64) bool { return turn/int64(len(b.questions))%2 == 0 }) // it ended as it should
		return nil
	})
	watched := b.watchSoak(ctx, asking.Done())
	cancel()
	unasked := g.Wait()
	report, failed := stop()
	if err := errors.Join(ctx.Err(), unasked, watched, failed); err != nil {
		return err
	}
	var waiting int64
	if err := b.conn.QueryRow(ctx, unloadedSQL).Scan(&waiting); err != nil {
		return fmt.Errorf("looking at the outbox: %w", err)
	}
	printLoad(report, waiting)
	fmt.Printf("\nAsked at the same time: %.1f questions of all kinds a second by %d clients, p50 %s ms, p99 %s ms; failed: %s\n",
		float64(asked.latency.TotalCount())/asked.elapsed.Seconds(), soakClients,
		measure.Milliseconds(asked.quantile(50)), measure.Milliseconds(asked.quantile(99)), failedText(asked.failed))
	if n := asked.failures(); n > 0 {
		return fmt.Errorf("%d questions failed: %s", n, failedText(asked.failed))
	}
	for status := range report.Statuses {
		// Status 0 can only be a request that the end of the run cut off.
		if status != http.StatusAccepted {
			return fmt.Errorf("uploads failed: %s", report.Answers())
		}
	}
	if err := b.awaitLoaded(ctx, 0); err != nil {
		return err
	}
	after, err := b.segments(ctx)
	if err != nil {
		return err
	}
	if got := after.Events - before.Events; got != report.Accepted || after.DeadLetters > 0 {
		return fmt.Errorf("%d events were accepted, %d arrived in the warehouse, %d rows among the dead letters", report.Accepted, got, after.DeadLetters)
	}
	return b.awaitCounted(ctx, after.Events)
}

// awaitCounted returns when the service counts the given number of events in all.
func (b *bench) awaitCounted(ctx context.Context, want int64) error {
	everything := newDays(b.history().Start(), lastDay, time.UTC)
	q := &question{name: "all events", path: "top-events", fields: []string{"total_count"}, query: widened(everything, "limit", "1000")}
	a, err := b.asker(1)
	if err != nil {
		return err
	}
	defer a.close()
	for began := time.Now(); ; {
		rows, _, _, err := a.answer(ctx, q, true)
		if err != nil {
			return err
		}
		var got int64
		for _, row := range rows {
			n, err := strconv.ParseInt(row, 10, 64)
			if err != nil {
				return fmt.Errorf("counting all events: %w", err)
			}
			got += n
		}
		if got == want {
			fmt.Printf("\nEvery event that was accepted is in the answers: %d\n", got)
			return ctx.Err()
		}
		if time.Since(began) > 30*time.Second {
			return fmt.Errorf("the service counts %d events of %d", got, want)
		}
		if err := b.pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// watchSoak prints the state, and ages segments, until done.
func (b *bench) watchSoak(ctx context.Context, done <-chan struct{}) error {
	for _, name := range []string{"stats", "syncworker"} {
		if err := measure.ForgetPeak(b.services[name].PID()); err != nil {
			return err
		}
	}
	measure.Heading(fmt.Sprintf("%s of %.0f events/s, merging, garbage collection and all questions", b.Soak, b.LoadRate),
		"s", "RSS of stats, MB", "peak since the last", "RSS of the worker, MB", "peak since the last",
		"segments: live", "replaced", "files: Parquet", "roll-ups", "by user", "events")
	began := time.Now()
	show, age := time.NewTicker(min(soakEvery, max(b.Soak/4, time.Second))), time.NewTicker(ageEvery)
	defer show.Stop()
	defer age.Stop()
	for {
		var err error
		select {
		case <-done:
			return nil
		case <-age.C:
			err = b.exec(ctx, ageSQL)
		case <-show.C:
			err = b.showSoak(ctx, time.Since(began))
		}
		if err != nil {
			return err
		}
	}
}

func (b *bench) showSoak(ctx context.Context, elapsed time.Duration) error {
	cells := []string{fmt.Sprintf("%.0f", elapsed.Seconds())}
	for _, name := range []string{"stats", "syncworker"} {
		pid := b.services[name].PID()
		now, peak, err := measure.Memory(pid)
		if err != nil {
			return err
		}
		if err := measure.ForgetPeak(pid); err != nil {
			return err
		}
		cells = append(cells, measure.Megabytes(now), measure.Megabytes(peak))
	}
	var live, replaced, events int64
	if err := b.conn.QueryRow(ctx, soakSQL).Scan(&live, &replaced, &events); err != nil {
		return fmt.Errorf("reading the manifest: %w", err)
	}
	raw, rollUps, users, err := b.files()
	if err != nil {
		return err
	}
	for _, n := range []int64{live, replaced, int64(raw), int64(rollUps), int64(users), events} {
		cells = append(cells, fmt.Sprint(n))
	}
	measure.Row(cells...)
	return nil
}
