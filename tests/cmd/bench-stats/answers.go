package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"eventanalytics/pkg/client"
	"eventanalytics/tests/bench/loadgen"
	"eventanalytics/tests/bench/measure"
)

// restarts of the service for the first answers; each takes a while.
const restarts = 3

// questionsIdle queries an otherwise idle service, and compares the answers.
func questionsIdle(ctx context.Context, b *bench) error {
	if err := b.needBaselines(ctx); err != nil {
		return err
	}
	if err := b.compareAnswers(ctx); err != nil {
		return err
	}
	return b.crowds(ctx, fmt.Sprintf("Uncached answers, idle, closed loop for %s each", b.duration()))
}

// compareAnswers measures one client alone: the first answer of a fresh service,
// recomputed answers, and answers that may be cached. A wrong answer fails the
// section, after all questions.
func (b *bench) compareAnswers(ctx context.Context) error {
	columns := []string{"question", "original ms", "best SQL ms", "service: first ms", "uncached ms", "cached ms",
		"original ÷ uncached", "original ÷ cached", "best SQL ÷ uncached", "best SQL ÷ cached", "source", "rows"}
	measure.Heading(fmt.Sprintf("Answers to one client, medians of %d (first: of %d starts); each compared with that of DuckDB", b.Rounds, min(restarts, b.Rounds)), columns...)
	var failed []error
	for _, q := range b.questions {
		progress("one client: %s", q.name)
		l := b.compared[q.name]
		if l == nil {
			failed = append(failed, fmt.Errorf("%s: there is nothing to compare with", q.name))
			continue
		}
		cells, err := b.compareAnswer(ctx, q, l)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", q.name, err))
			cells = []string{"FAILED", "", "", "", "", "", "", ""}
		}
		measure.Row(slices.Concat([]string{q.name, l.Original.String(), l.Best.String()}, cells, []string{fmt.Sprint(len(l.Rows))})...)
	}
	return errors.Join(failed...)
}

// compareAnswer repeats one question; every answer must be right.
func (b *bench) compareAnswer(ctx context.Context, q *question, l *baseline) (cells []string, err error) {
	var a *asker
	var sources []string // in the order they were first used
	ask := func(afresh bool) (time.Duration, error) {
		rows, from, took, err := a.answer(ctx, q, afresh)
		if err == nil {
			err = equal(l.Rows, rows)
		}
		if err == nil && !slices.Contains(sources, from) {
			sources = append(sources, from)
		}
		return took, errors.Join(err, ctx.Err())
	}
	several := func(n int, afresh bool) (time.Duration, error) {
		var all []time.Duration
		for range n {
			took, err := ask(afresh)
			if err != nil {
				return 0, err
			}
			all = append(all, took)
		}
		return measure.Median(all), nil
	}
	var first []time.Duration
	for range min(restarts, b.Rounds) {
		if err := b.startServices(ctx, "stats"); err != nil {
			return nil, err
		}
		if a, err = b.asker(1); err != nil {
			return nil, err
		}
		defer a.close()
		took, err := ask(false)
		if err != nil {
			return nil, err
		}
		first = append(first, took)
	}
	uncached, err := several(b.Rounds, true)
	if err != nil {
		return nil, err
	}
	if _, err := ask(false); err != nil { // fills the cache
		return nil, err
	}
	cached, err := several(b.Rounds, false)
	if err != nil {
		return nil, err
	}
	return []string{
		measure.Milliseconds(measure.Median(first)), measure.Milliseconds(uncached), measure.Milliseconds(cached),
		l.Original.over(uncached), l.Original.over(cached), l.Best.over(uncached), l.Best.over(cached), strings.Join(sources, ", then "),
	}, nil
}

var crowdSizes = []int{1, 8, 32}

// crowds asks each question from several clients at once.
func (b *bench) crowds(ctx context.Context, title string) error {
	for _, name := range []string{"stats", "syncworker"} {
		if err := measure.ForgetPeak(b.services[name].PID()); err != nil {
			return err
		}
	}
	columns := []string{"question"}
	for _, n := range crowdSizes {
		unit := fmt.Sprintf("%d clients: requests/s", n)
		if n == 1 {
			unit = "1 client: requests/s"
		}
		columns = append(columns, unit, "p50 ms", "p99 ms")
	}
	measure.Heading(title, append(columns, "failed")...)
	for _, q := range b.questions {
		progress("%v clients: %s", crowdSizes, q.name)
		cells := []string{q.name}
		failed := map[string]int64{}
		for _, n := range crowdSizes {
			a, err := b.asker(n)
			if err != nil {
				return err
			}
			l, err := a.closed(ctx, []*question{q}, n, b.duration(), 1, always)
			a.close()
			if err != nil {
				return err
			}
			cells = append(cells, l.cells()...)
			for reason, count := range l.failed {
				failed[reason] += count
			}
		}
		measure.Row(append(cells, failedText(failed))...)
	}
	return b.printMemory("stats", "syncworker")
}

// printMemory prints the peaks since the last reset.
func (b *bench) printMemory(names ...string) error {
	text := "\nPeak RSS, MB:"
	for _, name := range names {
		_, peak, err := measure.Memory(b.services[name].PID())
		if err != nil {
			return err
		}
		text += " " + name + " " + measure.Megabytes(peak) + ","
	}
	fmt.Println(text[:len(text)-1])
	return nil
}

// A request of the load has batch events.
const batch, connections = 50, 16

// load posts events of the last day, a few of them late, until stop is called, which
// returns the outcome.
func (b *bench) load(ctx context.Context) (stop func() (*loadgen.Report, error), err error) {
	pool, err := loadgen.NewPool(loadgen.PoolConfig{Seed: b.Seed, Until: b.history().End.Add(-time.Second), Late: 0.02})
	if err != nil {
		return nil, err
	}
	b.streams++
	type result struct {
		report *loadgen.Report
		err    error
	}
	loading, cancel := context.WithCancel(ctx)
	done := make(chan result, 1)
	go func() {
		report, err := loadgen.Run(loading, pool, loadgen.Config{
			Client: client.Config{URL: b.url("ingest"), APIKey: b.keys.Ingest, Connections: connections},
			Stream: loadgen.StreamConfig{Seed: b.Seed, Number: b.streams},
			Batch:  batch, Rate: b.LoadRate / batch, Duration: forever,
		})
		done <- result{report, err}
	}()
	return func() (*loadgen.Report, error) {
		cancel()
		r := <-done
		return r.report, r.err
	}, nil
}

// forever bounds a load that is stopped from outside.
const forever = 24 * time.Hour

// questionsLoaded queries while events are posted and loaded. The right answers change
// all the time, so they are not compared.
func questionsLoaded(ctx context.Context, b *bench) error {
	stop, err := b.load(ctx)
	if err != nil {
		return err
	}
	err = b.crowds(ctx, fmt.Sprintf("Uncached answers while %.0f events/s are posted, closed loop for %s each", b.LoadRate, b.duration()))
	report, failed := stop()
	if err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	var waiting int64
	if err := b.conn.QueryRow(ctx, unloadedSQL).Scan(&waiting); err != nil {
		return fmt.Errorf("looking at the outbox: %w", err)
	}
	printLoad(report, waiting)
	return b.settle(ctx)
}

func printLoad(r *loadgen.Report, waiting int64) {
	fmt.Printf("\nPosted at the same time: %.0f events/s in requests of %d; 202 after p50 %s ms, p99 %s ms; answers %s; %d requests were due and not sent; %d events were not visible yet at the end\n",
		r.EventsPerSecond(), batch, measure.Milliseconds(r.Quantile(50)), measure.Milliseconds(r.Quantile(99)), r.Answers(), r.Unsent, waiting)
}

// readiness measures how soon an additional replica can answer.
func readiness(ctx context.Context, b *bench) error {
	var took []time.Duration
	var memory []uint64
	for range b.Rounds {
		began := time.Now()
		// The one that runs stays; the addresses are set back to it.
		address := b.stack.Addresses["stats"]
		replica, err := b.stack.StartService(ctx, "stats")
		if err != nil {
			return err
		}
		took = append(took, time.Since(began))
		b.stack.Addresses["stats"] = address
		now, _, err := measure.Memory(replica.PID())
		if err != nil {
			return err
		}
		memory = append(memory, now)
		if err := replica.Stop(); err != nil {
			return err
		}
	}
	measure.Heading(fmt.Sprintf("A further stats replica, %d starts, asked every 10 ms", b.Rounds), "from exec to /readyz 200: median ms", "min–max ms", "RSS then, MB")
	measure.Row(measure.Milliseconds(measure.Median(took)),
		measure.Milliseconds(slices.Min(took))+"–"+measure.Milliseconds(slices.Max(took)), measure.Megabytes(measure.Median(memory)))
	return nil
}
