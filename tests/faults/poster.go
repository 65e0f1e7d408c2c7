package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/google/uuid"

	"eventanalytics/pkg/client"
)

// project is what the clients of a round share.
type project struct {
	id           int64
	ingest, read string // API keys

	mu    sync.Mutex
	known map[*form][]event // sent by any of them
}

func (p *project) remember(events []event, f *form) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		p.known = map[*form][]event{}
	}
	p.known[f] = append(p.known[f], events...)
}

// some returns up to n events that were sent before in the same form: in another one what
// was sent is another content.
func (p *project) some(rng *rand.Rand, f *form, n int) []event {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.known[f]
	var out []event
	for range min(n, len(known)) {
		out = append(out, known[rng.IntN(len(known))])
	}
	return out
}

// poster posts uploads as applications do: again and again until it is told the
// outcome, and now and then it gives up.
type poster struct {
	cluster *cluster
	project *project
	other   *project // of the same round
	journal *journal
	rng     *rand.Rand
	number  int
	uploads int
	own     map[uuid.UUID]bool // acknowledged to this client
}

// lastUploads is how many uploads a client sends after the fault is over.
const lastUploads = 2

// run posts until over is closed, and then a little more.
func (c *poster) run(ctx context.Context, over <-chan struct{}) error {
	for {
		select {
		case <-over:
			for range lastUploads {
				if err := c.upload(ctx, over); err != nil {
					return err
				}
			}
			return nil
		default:
		}
		if err := c.upload(ctx, over); err != nil {
			return err
		}
	}
}

// upload sends some events, a few of them known or invalid.
func (c *poster) upload(ctx context.Context, over <-chan struct{}) error {
	c.uploads++
	u := c.plan()
	planned := entry{Upload: c.uploads, Events: u.events, Invalid: u.invalid, Operations: u.operations, SDK: u.form != native}
	if err := c.journal.write(planned); err != nil {
		return err
	}
	c.project.remember(u.events, u.form)
	patience := 1 + c.rng.IntN(30) // attempts
	for attempt := range patience {
		e, err := c.post(ctx, u)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		e.Upload = c.uploads
		if err := c.journal.write(e); err != nil {
			return err
		}
		if e.Status == u.form.stored {
			for _, x := range u.events {
				c.own[x.ID] = true
			}
			if c.rng.IntN(4) == 0 {
				return c.look(ctx, e.Position)
			}
			return nil
		}
		select {
		case <-over: // it is up again, or about to be
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(min(attempt+1, 10)) * 20 * time.Millisecond):
		}
	}
	return nil
}

// upload is a request.
type upload struct {
	form       *form
	base       string
	events     []event
	invalid    []uuid.UUID
	operations []uuid.UUID
	key        string // Idempotency-Key; empty for none
	slow       bool   // sent a little at a time
}

func (c *poster) plan() upload {
	u := upload{form: native, base: c.cluster.url()}
	if c.rng.IntN(4) == 0 {
		u.base = c.cluster.services[[]string{"ingest-1", "ingest-2"}[c.rng.IntN(2)]].url()
	}
	switch c.rng.IntN(8) {
	case 0:
		u.key = newID(c.rng).String()
	case 1, 2:
		u.form = segmentSDK
		for range c.rng.IntN(4) {
			u.operations = append(u.operations, newID(c.rng))
		}
	}
	n := 1 + c.rng.IntN([]int{1, 10, 60, 250}[c.rng.IntN(4)])
	for range n {
		e := newEvent(c.rng, c.number)
		if u.form == segmentSDK && e.Props == "{}" {
			e.Props = "" // as it is stored: SDKs send empty properties where there are none
		}
		u.events = append(u.events, e)
	}
	if c.rng.IntN(3) == 0 {
		u.events = append(u.events, c.project.some(c.rng, u.form, 1+c.rng.IntN(60))...)
	}
	if c.rng.IntN(8) == 0 { // the same ids; they are other events here
		u.events = append(u.events, c.other.some(c.rng, u.form, 1+c.rng.IntN(5))...)
	}
	c.rng.Shuffle(len(u.events), func(i, j int) { u.events[i], u.events[j] = u.events[j], u.events[i] })
	if c.rng.IntN(8) == 0 {
		u.invalid = append(u.invalid, newID(c.rng))
	}
	u.slow = c.rng.IntN(8) == 0
	return u
}

// post sends an upload once. The error is that of an answer that must not be.
func (c *poster) post(ctx context.Context, u upload) (entry, error) {
	text := u.form.encode(&u)
	var body io.Reader = bytes.NewReader(text)
	if u.slow {
		body = &slow{ctx: ctx, left: text}
	}
	at, err := client.New(calling(u.base, c.project.ingest))
	if err != nil {
		return entry{}, err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if u.key != "" {
		header.Set("Idempotency-Key", u.key)
	}
	response, err := at.Do(ctx, client.Request{Method: http.MethodPost, Path: u.form.path, Header: header, Body: body})
	if err != nil {
		return entry{}, nil //nolint:nilerr // the entry records that the outcome is unknown
	}
	e := entry{Status: response.Status}
	switch {
	case e.Status == u.form.stored:
		return e, u.form.read(&e, response, &u)
	case e.Status >= 500 || e.Status == http.StatusConflict && u.key != "" || e.Status == http.StatusRequestTimeout:
		return e, nil
	}
	return e, failed("answers", "posting valid events: %d: %s", e.Status, response.Body)
}

// look asks a replica for all events of the project as of a position: this
// client's own must be among them. Answers that were computed before are welcome.
func (c *poster) look(ctx context.Context, position string) error {
	replica := c.cluster.services[[]string{"stats-1", "stats-2"}[c.rng.IntN(2)]]
	var totals []struct{ Events int }
	_, status, err := ask(ctx, replica.url(), c.project, client.Question{
		Metric: "events", Values: url.Values{"from": {firstDay}, "to": {lastDay}, "interval": {"month"}}, MinPosition: position,
	}, &totals)
	if err != nil || status != http.StatusOK {
		return err
	}
	seen := 0
	for _, row := range totals {
		seen += row.Events
	}
	if seen < len(c.own) {
		return failed("own events", "%s counts %d events where %d were acknowledged to this client before", replica.name, seen, len(c.own))
	}
	return nil
}

// ask asks a question and reads the rows of the answer into rows. A status of 0
// says that there was no answer; other than 200 it must be one that says: not now.
func ask(ctx context.Context, base string, p *project, q client.Question, rows any) (a *client.Answer, status int, err error) {
	at, err := client.New(calling(base, p.read))
	if err != nil {
		return nil, 0, err
	}
	a, err = at.Ask(ctx, q)
	var refused *client.Problem
	switch {
	case errors.As(err, &refused) && (refused.Status >= 500 || refused.Status == http.StatusNotFound):
		return nil, refused.Status, nil
	case refused != nil, errors.Is(err, client.ErrUnreadable):
		return nil, 0, failed("answers", "asking for %s: %w", q.Metric, err)
	case err != nil:
		return nil, 0, ctx.Err()
	}
	if err := json.Unmarshal(a.Data, rows); err != nil {
		return nil, 0, failed("answers", "reading the rows of %s: %s: %w", q.Metric, a.Data, err)
	}
	return a, http.StatusOK, nil
}

// slow is a body that arrives a little at a time, so that the server may die while
// reading it.
type slow struct {
	ctx  context.Context
	left []byte
}

func (s *slow) Read(p []byte) (int, error) {
	if len(s.left) == 0 {
		return 0, io.EOF
	}
	select {
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	case <-time.After(20 * time.Millisecond):
	}
	n := copy(p, s.left[:min(len(s.left), max(64, len(s.left)/4))])
	s.left = s.left[n:]
	return n, nil
}

// checkError says which check failed.
type checkError struct {
	check string
	err   error
}

func (e *checkError) Error() string { return e.err.Error() }
func (e *checkError) Unwrap() error { return e.err }

func failed(check, format string, args ...any) error {
	return &checkError{check, fmt.Errorf(format, args...)}
}

// checkOf returns the name of the check that found err.
func checkOf(err error) string {
	var e *checkError
	if errors.As(err, &e) {
		return e.check
	}
	return "drain"
}
