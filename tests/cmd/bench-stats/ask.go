package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/client"
	"eventanalytics/tests/bench/measure"
	"eventanalytics/tests/bench/transport"
)

// asker queries the stats service. It is safe for concurrent use.
type asker struct {
	client *client.Client
	turn   atomic.Int64 // of variants
}

// longestAnswer is how long to wait for an answer; the service gives up earlier.
const longestAnswer = 2 * time.Minute

// asker asks about the data set's project.
func (b *bench) asker(clients int) (*asker, error) { return b.askerWith(b.keys.Read, clients) }

// askerWith asks about the project of a key.
func (b *bench) askerWith(key string, clients int) (*asker, error) {
	c, err := client.New(client.Config{
		URL: b.url("stats"), APIKey: key, Timeout: longestAnswer, Transport: transport.New(clients),
	})
	return &asker{client: c}, err
}

func (a *asker) close() { a.client.Close() }

// reply is an answer of the service.
type reply struct {
	status int
	body   []byte
	took   time.Duration
}

// ask asks a variant of a question, and hears the answer even when ctx has ended;
// afresh means that no answer kept from before will do.
func (a *asker) ask(ctx context.Context, q *question, variant int, afresh bool) (reply, error) {
	r := client.Request{Path: "/api/stats/" + q.path + "?" + q.query(variant).Encode(), Header: http.Header{}}
	if afresh {
		r.Header.Set("Cache-Control", "no-cache")
	}
	began := time.Now()
	answer, err := a.client.Do(context.WithoutCancel(ctx), r)
	if err != nil {
		return reply{}, fmt.Errorf("asking %s: %w", q.name, err)
	}
	return reply{answer.Status, answer.Body, time.Since(began)}, nil
}

// answer is a reply that must be good: its rows as text, like those of lines.
func (a *asker) answer(ctx context.Context, q *question, afresh bool) (rows []string, source string, took time.Duration, err error) {
	r, err := a.ask(ctx, q, 0, afresh)
	if err != nil {
		return nil, "", 0, err
	}
	if r.status != http.StatusOK {
		return nil, "", 0, fmt.Errorf("asking %s: %d: %.500s", q.name, r.status, r.body)
	}
	var decoded struct {
		Data []map[string]any
		Meta struct{ Source string }
	}
	decoder := json.NewDecoder(bytes.NewReader(r.body))
	decoder.UseNumber()
	if err := decoder.Decode(&decoded); err != nil {
		return nil, "", 0, fmt.Errorf("reading the answer to %s: %w", q.name, err)
	}
	for _, row := range decoded.Data {
		parts := make([]string, len(q.fields))
		for i, field := range q.fields {
			value, ok := row[field]
			if !ok {
				return nil, "", 0, fmt.Errorf("reading the answer to %s: a row has no %s: %v", q.name, field, row)
			}
			parts[i] = cell(value)
		}
		if parts[len(parts)-1] != "0" { // windows in which nobody came back: SQL has no rows for them
			rows = append(rows, strings.Join(parts, "|"))
		}
	}
	slices.Sort(rows)
	return rows, decoded.Meta.Source, r.took, nil
}

// loop is the outcome of many requests.
type loop struct {
	latency *hdrhistogram.Histogram // µs, of good answers
	elapsed time.Duration
	failed  map[string]int64
}

func newLoop() *loop {
	return &loop{latency: hdrhistogram.New(1, longestAnswer.Microseconds(), 3), failed: map[string]int64{}}
}

func (l *loop) record(r reply, err error) {
	switch {
	case err != nil:
		l.failed["no answer"]++
	case r.status != http.StatusOK:
		l.failed[fmt.Sprint(r.status)]++
	default:
		_ = l.latency.RecordValue(min(r.took, longestAnswer).Microseconds()) // in its bounds
	}
}

func (l *loop) merge(other *loop) {
	l.latency.Merge(other.latency)
	for reason, n := range other.failed {
		l.failed[reason] += n
	}
}

func (l *loop) quantile(q float64) time.Duration {
	return time.Duration(l.latency.ValueAtQuantile(q)) * time.Microsecond
}

func (l *loop) failures() (n int64) {
	for _, count := range l.failed {
		n += count
	}
	return n
}

// cells are requests a second, and p50 and p99 in milliseconds.
func (l *loop) cells() []string {
	if l.latency.TotalCount() == 0 {
		return []string{"0", "–", "–"}
	}
	rate := float64(l.latency.TotalCount()) / l.elapsed.Seconds()
	format := "%.0f"
	if rate < 10 {
		format = "%.1f"
	}
	return []string{fmt.Sprintf(format, rate), measure.Milliseconds(l.quantile(50)), measure.Milliseconds(l.quantile(99))}
}

// failedText lists what went wrong: "503: 4".
func failedText(failed map[string]int64) string {
	if len(failed) == 0 {
		return "0"
	}
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(failed)) {
		parts = append(parts, fmt.Sprintf("%s: %d", reason, failed[reason]))
	}
	return strings.Join(parts, ", ")
}

// closed asks variants of the questions from a number of clients for a while, and at
// least a minimum number of times each. A client asks the next one as soon as the
// last is answered.
func (a *asker) closed(ctx context.Context, questions []*question, clients int, lasting time.Duration, least int, afresh func(turn int64) bool) (*loop, error) {
	total := newLoop()
	each := make([]*loop, clients)
	began := time.Now()
	var g errgroup.Group
	for i := range each {
		each[i] = newLoop()
		g.Go(func() error {
			for n := 0; ctx.Err() == nil && (n < least || time.Since(began) < lasting); n++ {
				turn := a.turn.Add(1)
				q := questions[turn%int64(len(questions))]
				each[i].record(a.ask(ctx, q, int(turn/int64(len(questions))%variants), afresh(turn)))
			}
			return nil
		})
	}
	_ = g.Wait() // they return none
	total.elapsed = time.Since(began)
	for _, l := range each {
		total.merge(l)
	}
	return total, ctx.Err()
}

// always asks afresh.
func always(int64) bool { return true }
