package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/client"
	"eventanalytics/pkg/outbox"
	"eventanalytics/tests/bench/history"
	"eventanalytics/tests/bench/measure"
	"eventanalytics/tests/harness/account"
)

const (
	neighbourShare = 10 // the second project has so many times fewer events
	noisyClients   = 8
	// noisyFactor bounds the p99 of a client among eight, in p50s of a client alone.
	noisyFactor = 10
)

// noisy asks questions that are answered from events, from eight clients of two
// projects: neither may wait for the other's.
func noisy(ctx context.Context, b *bench) error {
	raw, err := b.rawQuestions(ctx)
	if err != nil {
		return err
	}
	if len(raw) == 0 {
		fmt.Print("\nThe section \"noisy\" has nothing to ask: every question is answered from roll-ups.\n")
		return nil
	}
	second, err := b.neighbour(ctx)
	if err != nil {
		return err
	}
	first := b.keys.Read
	measure.Heading(fmt.Sprintf("Questions answered from events, %d clients of two projects; the second has a %dth of the events", noisyClients, neighbourShare),
		"question", "project", "clients", "requests/s", "p50 ms", "p99 ms", fmt.Sprintf("p99 ÷ p50 of one client alone (at most %d)", noisyFactor), "failed")
	for _, q := range raw {
		progress("two projects: %s", q.name)
		var alone [2]*loop
		for i, key := range []string{first, second} {
			l, err := b.together(ctx, q, []string{key}, []int{1})
			if err != nil {
				return err
			}
			alone[i] = l[0]
			b.printNoisy(q, i, 1, l[0], l[0])
		}
		for _, clients := range [][]int{{noisyClients / 2, noisyClients / 2}, {noisyClients - 1, 1}} {
			l, err := b.together(ctx, q, []string{first, second}, clients)
			if err != nil {
				return err
			}
			for i := range l {
				b.printNoisy(q, i, clients[i], l[i], alone[i])
			}
		}
	}
	return nil
}

func (b *bench) printNoisy(q *question, project, clients int, l, alone *loop) {
	relation := "–"
	if l != alone && l.latency.TotalCount() > 0 {
		relation = fmt.Sprintf("%.1f", float64(l.quantile(99))/float64(alone.quantile(50)))
	}
	cells := append([]string{q.name, []string{"first", "second"}[project], fmt.Sprint(clients)}, l.cells()...)
	measure.Row(append(cells, relation, failedText(l.failed))...)
}

// rawQuestions are those that the service answers from events, by user or as they came.
func (b *bench) rawQuestions(ctx context.Context) (raw []*question, err error) {
	a, err := b.asker(1)
	if err != nil {
		return nil, err
	}
	defer a.close()
	for _, q := range b.questions {
		_, source, _, err := a.answer(ctx, q, true)
		if err != nil {
			return nil, err
		}
		if source != "rollup" {
			raw = append(raw, q)
		}
	}
	return raw, nil
}

// together asks variants of a question with several keys at once, each from a number
// of clients, and returns the outcome of each.
func (b *bench) together(ctx context.Context, q *question, keys []string, clients []int) ([]*loop, error) {
	loops := make([]*loop, len(keys))
	var g errgroup.Group
	for i, key := range keys {
		a, err := b.askerWith(key, clients[i])
		if err != nil {
			return nil, err
		}
		defer a.close()
		g.Go(func() (err error) {
			loops[i], err = a.closed(ctx, []*question{q}, clients[i], b.duration(), 1, always)
			return err
		})
	}
	return loops, g.Wait()
}

// neighbour makes a second project with events of the same days, and returns a key
// that reads it.
func (b *bench) neighbour(ctx context.Context) (key string, err error) {
	progress("making a second project")
	c, err := account.As(client.Config{URL: b.url("account")}, username)
	if err != nil {
		return "", err
	}
	project, err := c.CreateProject(ctx, "neighbour")
	if err != nil {
		return "", fmt.Errorf("making a second project: %w", err)
	}
	keys, err := account.NewKeys(ctx, c, project.ID)
	if err != nil {
		return "", err
	}
	config := b.history()
	config.Seed++
	config.Events, config.Users = config.Events/neighbourShare, max(1, config.Users/neighbourShare)
	events, err := history.Events(config)
	if err != nil {
		return "", err
	}
	began := time.Now()
	transactions := make(chan []outbox.NewRow, 1)
	g, inner := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(transactions)
		for row := range outbox.Rows(project.ID, events) {
			select {
			case transactions <- []outbox.NewRow{row}:
			case <-inner.Done():
				return inner.Err()
			}
		}
		return nil
	})
	g.Go(func() error { return b.write(inner, transactions) })
	if err := g.Wait(); err != nil {
		return "", err
	}
	if err := b.awaitLoaded(ctx, 0); err != nil {
		return "", err
	}
	progress("the second project has its %d events after %s; waiting for compaction", config.Events, time.Since(began).Round(time.Second))
	return keys.Read, b.settle(ctx)
}
