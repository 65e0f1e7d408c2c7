package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"eventanalytics/tests/loadgen"
	"eventanalytics/tests/measure"
)

// restarts of the service for the first answers; each takes a while.
const restarts = 3

// questionsIdle asks while nothing else goes on, and compares the answers.
func questionsIdle(ctx context.Context, b *bench) error {
	if err := b.needBaselines(ctx); err != nil {
		return err
	}
	if err := b.compareAnswers(ctx); err != nil {
		return err
	}
	return b.crowds(ctx, fmt.Sprintf("Uncached answers, idle, closed loop for %s each", b.duration()))
}

// compareAnswers measures one client alone: the first answer of a service that has
// just begun, answers computed again, and answers it may have kept.
func (b *bench) compareAnswers(ctx context.Context) error {
	columns := []string{"question", "original ms", "best SQL ms", "service: first ms", "uncached ms", "cached ms",
		"original ÷ uncached", "original ÷ cached", "best SQL ÷ uncached", "source", "rows"}
	measure.Heading(fmt.Sprintf("Answers to one client, medians of %d (first: of %d starts); all equal to those of DuckDB", b.Rounds, min(restarts, b.Rounds)), columns...)
	for _, q := range b.questions {
		progress("one client: %s", q.name)
		l := b.compared[q.name]
		var first, uncached, cached []time.Duration
		var source string
		ask := func(a *asker, into *[]time.Duration, afresh bool) error {
			rows, from, took, err := a.answer(q, afresh)
			if err != nil {
				return err
			}
			if err := equal(l.Rows, rows); err != nil {
				return fmt.Errorf("%s: %w", q.name, err)
			}
			source = from
			if into != nil {
				*into = append(*into, took)
			}
			return ctx.Err()
		}
		var a *asker
		for range min(restarts, b.Rounds) {
			if err := b.startServices(ctx, "stats"); err != nil {
				return err
			}
			if a != nil {
				a.close()
			}
			a = b.asker(1)
			if err := ask(a, &first, false); err != nil {
				return err
			}
		}
		for range b.Rounds {
			if err := ask(a, &uncached, true); err != nil {
				return err
			}
		}
		if err := ask(a, nil, false); err != nil { // the one that is kept
			return err
		}
		for range b.Rounds {
			if err := ask(a, &cached, false); err != nil {
				return err
			}
		}
		a.close()
		alone, kept := measure.Median(uncached), measure.Median(cached)
		measure.Row(q.name, l.Original.String(), l.Best.String(),
			measure.Milliseconds(measure.Median(first)), measure.Milliseconds(alone), measure.Milliseconds(kept),
			l.Original.over(alone), l.Original.over(kept), l.Best.over(alone), source, fmt.Sprint(len(l.Rows)))
	}
	return nil
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
			a := b.asker(n)
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

// printMemory tells the peaks since they were forgotten.
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

// load posts events of the last day, a few of them late, until stop is called,
// which tells what became of them.
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
			Client: loadgen.ClientConfig{URL: b.url("ingest"), Authorization: "Bearer " + b.ingestKey, Connections: connections},
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

// questionsLoaded asks while events are posted and loaded. What is right then
// changes all the time: the answers are not compared.
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
	fmt.Printf("\nPosted meanwhile: %.0f events/s in requests of %d; 202 after p50 %s ms, p99 %s ms; answers %s; %d requests were due and not sent; %d events were not visible yet at the end\n",
		r.EventsPerSecond(), batch, measure.Milliseconds(r.Quantile(50)), measure.Milliseconds(r.Quantile(99)), r.Answers(), r.Unsent, waiting)
}

// readiness measures how soon a further replica can answer.
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
