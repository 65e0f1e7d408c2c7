package loadgen

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/client"
	"eventanalytics/tests/bench/transport"
)

// Config of a run.
type Config struct {
	// Client posts the events over its Connections. Its Transport defaults to one of
	// bench/transport.
	Client client.Config
	// Route is the protocol by which they are posted. Defaults to Native.
	Route  Route
	Stream StreamConfig
	Batch  int // events in a request
	// Rate is in requests a second over all connections, sent on schedule whether or
	// not the service keeps up (open loop). With 0, each connection sends the next
	// request as soon as the last is answered (closed loop).
	Rate float64
	// Events and Duration end the run, whichever comes first; 0 is no bound.
	Events   int64
	Duration time.Duration
}

func (c *Config) validate() error {
	switch {
	case c.Batch < 1:
		return fmt.Errorf("%d events in a request", c.Batch)
	case c.Client.Connections < 1:
		return fmt.Errorf("%d connections", c.Client.Connections)
	case c.Rate < 0:
		return fmt.Errorf("a rate of %v requests a second", c.Rate)
	case c.Events <= 0 && c.Duration <= 0:
		return errors.New("neither a number of events nor a duration bounds the run")
	}
	return nil
}

// ErrLost is returned when the answers to requests that were taken do not account for all their
// events.
var ErrLost = errors.New("events are unaccounted for")

// ErrNothing is returned when no request was taken.
var ErrNothing = errors.New("no events were accepted")

// Run posts events and reports the outcome. The report is also returned with ErrLost
// and ErrNothing. When ctx ends, the run ends without an error.
func Run(ctx context.Context, pool *Pool, cfg Config) (*Report, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("starting the load: %w", err)
	}
	if cfg.Client.Transport == nil {
		cfg.Client.Transport = transport.New(cfg.Client.Connections)
	}
	poster, err := client.New(cfg.Client)
	if err != nil {
		return nil, fmt.Errorf("starting the load: %w", err)
	}
	defer poster.Close()
	form, err := pool.form(cfg.Route, cfg.Client.APIKey, cfg.Batch)
	if err != nil {
		return nil, err
	}
	if cfg.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, cfg.Duration)
		defer cancel()
	}
	stream, err := NewStream(pool, cfg.Stream)
	if err != nil {
		return nil, err
	}
	l := &load{form: form, cfg: cfg, client: poster, stream: stream, total: newReport()}
	cpu := ownCPU()
	l.begin = time.Now()
	var g errgroup.Group
	for range cfg.Client.Connections {
		g.Go(func() error { return l.connection(ctx) })
	}
	err = g.Wait()
	l.total.Elapsed = time.Since(l.begin)
	l.total.CPU = ownCPU() - cpu
	l.total.Unsent = l.due() - l.total.Requests()
	return l.total, errors.Join(err, l.total.check())
}

// load is what the connections of a run share.
type load struct {
	form   *form
	cfg    Config
	client *client.Client
	begin  time.Time

	mu     sync.Mutex
	stream *Stream
	turns  int64 // requests that were given out
	total  *Report
}

// next returns the number of the next request and replaces events with its events.
// They do not depend on the connection that sends them, so that the seed determines
// everything a run sends.
func (l *load) next(last []Sent) (turn int64, events []Sent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	turn = l.turns
	n := int64(l.cfg.Batch)
	if l.cfg.Events > 0 {
		n = max(0, min(n, l.cfg.Events-turn*n))
	}
	l.turns++
	return turn, l.stream.Append(last[:0], int(n))
}

// due is how many requests should have been sent, once the run has ended.
func (l *load) due() int64 {
	if l.cfg.Rate == 0 {
		return l.total.Requests()
	}
	lasted := l.total.Elapsed
	if l.cfg.Duration > 0 {
		lasted = min(lasted, l.cfg.Duration)
	}
	due := int64(lasted.Seconds() * l.cfg.Rate)
	if batch := int64(l.cfg.Batch); l.cfg.Events > 0 {
		due = min(due, (l.cfg.Events+batch-1)/batch)
	}
	return max(due, l.total.Requests())
}

// lostPause keeps a connection from spinning while the service is down.
const lostPause = 100 * time.Millisecond

func (l *load) connection(ctx context.Context) error {
	report := newReport()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.total.add(report)
	}()
	var events []Sent
	var body []byte
	for {
		var turn int64
		if turn, events = l.next(events); len(events) == 0 {
			return nil
		}
		// The body is ready before its time has come.
		body = l.form.append(body[:0], events)
		start := time.Now()
		if l.cfg.Rate > 0 {
			// A request's latency counts from when it was due, even if it was sent
			// late: clients also wait for a free connection.
			start = l.begin.Add(time.Duration(float64(turn) / l.cfg.Rate * float64(time.Second)))
		}
		if !waitUntil(ctx, start) {
			return nil
		}
		status, receipt, err := l.post(ctx, body, len(events))
		if err != nil {
			return err
		}
		report.record(status, int64(len(events)), receipt, time.Since(start))
		if !taken(status) {
			body = nil // it may still be on its way
		}
		if status == 0 && !waitUntil(ctx, time.Now().Add(lostPause)) {
			return nil
		}
	}
}

// post sends a body, even when ctx has ended in between. Any status is an answer, 0
// is none; the error is of a 202 that is not what the API promises.
func (l *load) post(ctx context.Context, body []byte, events int) (status int, r client.Receipt, err error) {
	if l.form.path != "" {
		status = l.form.post(context.WithoutCancel(ctx), l.client, body)
		return status, client.Receipt{Accepted: events}, nil // it does not say how many
	}
	receipt, err := l.client.PostEvents(context.WithoutCancel(ctx), client.Upload{Body: body})
	var refused *client.Problem
	switch {
	case err == nil:
		return http.StatusAccepted, *receipt, nil
	case errors.As(err, &refused):
		return refused.Status, r, nil
	case errors.Is(err, client.ErrUnreadable):
		return 0, r, err
	}
	return 0, r, nil
}

// waitUntil returns false when ctx ends first.
func waitUntil(ctx context.Context, at time.Time) bool {
	wait := time.Until(at)
	if wait <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// maxLatency is the end of the histogram; anything slower is counted as this.
const maxLatency = 10 * time.Minute

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, maxLatency.Microseconds(), 3)
}
