package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"eventanalytics/tests/bench/measure"
)

// figures of one engine for one question.
type figures struct {
	p50, p90, cpu time.Duration // of answers that are not the first; cpu is the median
	cold          time.Duration // median of first answers, or 0 without any
}

// comparison of the engines, in their order, for one question. The first are the
// service's, and 0 for a question for which it has no route.
type comparison struct {
	question, path, source string
	figures                []figures
}

// leastSamples are taken of an engine however slow it is.
const leastSamples = 5

func (c comparison) served() bool { return c.figures[0].p50 > 0 }

// compareEngines asks every engine every question, in turns, and compares the answers.
func compareEngines(ctx context.Context, b *bench) (err error) {
	names, engines, err := b.engines(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAll(engines)) }()
	var main, otherwise []int // engines of the two tables
	for i, name := range names {
		if !isVariant(name) {
			main = append(main, i)
		}
		if i == 0 || isVariant(name) {
			otherwise = append(otherwise, i)
		}
	}
	asked := make([]*inTurns, len(b.all))
	for i, q := range b.all {
		asked[i] = &inTurns{names: names, engines: engines, q: q, left: make([]bool, len(engines))}
	}
	for _, e := range engines {
		if err := e.restart(ctx); err != nil {
			return err
		}
	}
	if b.Cold > 0 { // before the others, whose engines have answered for a while
		for _, t := range asked {
			progress("first answers: %s", t.q.name)
			if t.err = t.coldAnswers(ctx, b.Cold); ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	measure.Heading(fmt.Sprintf("Answers of %d engines, one client, in turns: at most %d each; cold: median of %d first answers", len(main), b.Samples, b.Cold), columns(names, main)...)
	var done []comparison
	var failed []error
	for _, t := range asked {
		progress("in turns: %s", t.q.name)
		c, err := b.compare(ctx, t)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", t.q.name, err))
			measure.Row(t.q.name, "FAILED")
			continue
		}
		done = append(done, c)
		measure.Row(c.cells(main)...)
	}
	measure.Heading("The service over other engines and stores, in the same turns", columns(names, otherwise)...)
	for _, c := range done {
		if c.served() {
			measure.Row(c.cells(otherwise)...)
		}
	}
	return errors.Join(errors.Join(failed...), b.draw(names, done), b.printTargets(names, done))
}

// columns of a table of some engines, the first of which is the service.
func columns(names []string, engines []int) []string {
	columns := []string{"question", "source"}
	for _, i := range engines {
		columns = append(columns, names[i]+": p50 ms", "p90 ms", "CPU ms", "cold ms")
	}
	for _, i := range engines[1:] {
		columns = append(columns, "service ÷ "+names[i]+": p50", "CPU", "cold")
	}
	return columns
}

// cells are a row below columns.
func (c comparison) cells(engines []int) []string {
	cells := []string{c.question, c.source}
	for _, i := range engines {
		f := c.figures[i]
		for _, d := range []time.Duration{f.p50, f.p90, f.cpu, f.cold} {
			if d == 0 {
				cells = append(cells, "–")
			} else {
				cells = append(cells, measure.Milliseconds(d))
			}
		}
	}
	service := c.figures[0]
	for _, i := range engines[1:] {
		f := c.figures[i]
		cells = append(cells, ratio(service.p50, f.p50), ratio(service.cpu, f.cpu), ratio(service.cold, f.cold))
	}
	return cells
}

// ratio of two durations with two significant digits.
func ratio(a, b time.Duration) string {
	if a == 0 || b == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2g", float64(a)/float64(b))
}

// inTurns is a question that engines are asked in turns, each round beginning with
// another, so that what else runs on the machine disturbs all of them alike.
type inTurns struct {
	names   []string
	engines []engine
	q       *question

	want   []string // the first answer, with which the others are compared
	left   []bool   // by an engine, to another
	source string
	cold   []time.Duration // medians of first answers
	err    error           // of these
}

func (t *inTurns) ask(ctx context.Context, i int) (answered, error) {
	a, err := t.engines[i].ask(ctx, t.q)
	switch {
	case errors.Is(err, errOtherEngine):
		t.left[i] = true
		return a, nil
	case err != nil:
	case t.want == nil:
		t.want = a.rows
		if len(t.want) == 0 {
			err = errors.New("the answer is empty")
		}
	default:
		err = equal(t.want, a.rows)
	}
	if err != nil {
		return a, fmt.Errorf("%s: %w", t.names[i], err)
	}
	if a.source != "" {
		t.source = a.source
	}
	return a, nil
}

// order are the engines in the order of a round.
func (t *inTurns) order(round int) (turns []int) {
	for k := range t.engines {
		// DuckDB begins: the others are compared with its answer.
		if i := (round + 1 + k) % len(t.engines); !t.left[i] && (!t.q.unserved || i > 0 && !isVariant(t.names[i])) {
			turns = append(turns, i)
		}
	}
	return turns
}

// coldAnswers restarts each engine before it is asked.
func (t *inTurns) coldAnswers(ctx context.Context, rounds int) error {
	took := make([][]time.Duration, len(t.engines))
	for round := range rounds {
		for _, i := range t.order(round) {
			if err := t.engines[i].restart(ctx); err != nil {
				return err
			}
			a, err := t.ask(ctx, i)
			if err != nil {
				return err
			}
			took[i] = append(took[i], a.took)
		}
	}
	t.cold = make([]time.Duration, len(t.engines))
	for _, i := range t.order(0) {
		t.cold[i] = measure.Median(took[i])
	}
	return nil
}

// compare asks one question.
func (b *bench) compare(ctx context.Context, t *inTurns) (c comparison, err error) {
	if t.err != nil {
		return c, t.err
	}
	c = comparison{question: t.q.name, path: t.q.path, figures: make([]figures, len(t.engines))}
	for _, i := range t.order(0) {
		if err := t.engines[i].settle(ctx); err != nil {
			return c, err
		}
	}
	took, cpu := make([][]time.Duration, len(t.engines)), make([][]time.Duration, len(t.engines))
	spent := make([]time.Duration, len(t.engines))
	for round := range b.Samples {
		for _, i := range t.order(round) {
			if spent[i] > b.duration() && len(took[i]) >= leastSamples {
				continue
			}
			a, err := t.ask(ctx, i)
			if err != nil {
				return c, err
			}
			took[i], cpu[i] = append(took[i], a.took), append(cpu[i], a.cpu)
			spent[i] += a.took
		}
		if ctx.Err() != nil {
			return c, ctx.Err()
		}
	}
	c.source = t.source
	if t.q.unserved {
		c.source = "no route"
	}
	for _, i := range t.order(0) {
		c.figures[i] = figures{p50: measure.Median(took[i]), p90: measure.Quantile(took[i], 0.9), cpu: measure.Median(cpu[i])}
		if t.cold != nil {
			c.figures[i].cold = t.cold[i]
		}
	}
	return c, nil
}
