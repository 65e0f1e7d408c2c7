package sdk

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/pkg/refusal"
	"eventanalytics/services/ingest/body"
	"eventanalytics/services/ingest/sdk/loose"
)

// call is one request of an SDK.
type call struct {
	*Service
	candidate // the one that speaks the request's protocol, as far as is known
	all       []candidate
	http      *http.Request
	request   *Request
	patience  patience
	caller    auth.Principal
	known     bool         // caller is
	key       string       // that it was known by
	open      []*body.Body // to be closed at the end
}

// candidate is a protocol for requests of a path.
type candidate struct {
	protocol *Protocol
	route    *Route
}

// serve answers a path whose requests are stored.
func (s *Service) serve(all []candidate) server.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if first := all[0].route; first.Served == "" && first.Own != nil && !first.Own(r) {
			return problem.NotFound("Not Found.")
		}
		s.allowOrigin(w, r)
		received := s.now()
		c := &call{
			Service: s, candidate: all[0], all: all, http: r,
			request:  &Request{HTTP: r, Query: r.URL.Query(), Envelope: Envelope{Received: received.Truncate(time.Microsecond)}},
			patience: s.patience(r),
		}
		defer func() {
			for _, b := range c.open {
				b.Close()
			}
		}()
		done, err := c.do(r.Context())
		if err != nil {
			return c.refuse(w, err)
		}
		w.Header().Set("X-Position", done.Result.Position)
		c.route.Answer(w, done)
		return nil
	}
}

// choose finds the protocol of a path that several have, and says how many of them the
// request may be of.
func (c *call) choose() (found int) {
	for _, one := range c.all {
		if one.route.Claims == nil || one.route.Claims(c.request) {
			c.candidate = one
			found++
		}
	}
	return found
}

// chosen is choose for a request whose body is read.
func (c *call) chosen() error {
	found := c.choose()
	if found == 0 && len(c.all) == 1 { // it would be of a protocol that is not served
		if _, err := loose.First(c.request.Body); err != nil {
			return err
		}
		return problem.NotFound("Not Found.")
	}
	if found != 1 {
		return Unread("the body is of none of the protocols of this path, or of several")
	}
	return nil
}

func (c *call) do(ctx context.Context) (*Done, error) {
	c.choose()
	keys, err := headerKeys(c.http, c.request.Query)
	if err != nil {
		return nil, err
	}
	if len(keys.Strong) > 0 || c.route.Keys == nil { // before anything of the body is read
		if ctx, err = c.identify(ctx, keys); err != nil {
			return nil, err
		}
	}
	size, err := c.read(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.chosen(); err != nil {
		return nil, err
	}
	if c.route.Keys != nil {
		more, err := c.route.Keys(c.request)
		if err != nil {
			return nil, err
		}
		keys.join(more)
	}
	if ctx, err = c.identify(ctx, keys); err != nil {
		return nil, err
	}
	if err := c.route.Read(c.request); err != nil {
		return nil, err
	}
	return c.store(ctx, size)
}

// identify finds the caller of a key, and admits the request at its rate.
func (c *call) identify(ctx context.Context, keys Keys) (context.Context, error) {
	key, err := keys.one()
	if err != nil || c.known {
		return ctx, err
	}
	if key == "" {
		return ctx, &RefusalError{Cause: BadKey, Message: "send an API key of scope ingest or browser as the write key"}
	}
	err = c.patience.retry(ctx, func() (err error) {
		c.caller, err = c.who.Key(ctx, key)
		return err
	})
	if err != nil {
		return ctx, err
	}
	if c.caller.KeyScope != auth.ScopeIngest && c.caller.KeyScope != auth.ScopeBrowser {
		return ctx, &RefusalError{Cause: BadKey, Message: "the API key cannot post events"}
	}
	if err := mayUse(c.caller, c.http); err != nil {
		return ctx, err
	}
	c.known, c.key, c.patience.holder = true, key, body.Holder{Project: c.caller.ProjectID}
	server.RequestFrom(ctx).ProjectID = c.caller.ProjectID
	ctx = auth.With(ctx, c.caller)
	if err := c.patience.retry(ctx, c.settleHold); err != nil {
		return ctx, err
	}
	return ctx, c.patience.retry(ctx, func() error { return c.limiter.Admit(ctx, ratelimit.ClassIngest) })
}

// settleHold lets what was read before the caller was known count for its project: until
// then it took from what others who call from its network have.
func (c *call) settleHold() error {
	for _, b := range c.open {
		if err := b.Move(c.patience.holder); err != nil {
			return err
		}
	}
	return nil
}

// read reads the body, and undoes what the JSON in it was wrapped in.
func (c *call) read(ctx context.Context) (size int, err error) {
	text, err := c.readAll(ctx, c.http.Body, c.http.ContentLength, c.http.Header.Values("Content-Encoding"))
	if err != nil {
		return 0, err
	}
	r := c.request
	if c.route.Plain {
		r.Body = text
		return len(text), nil
	}
	var form url.Values
	r.Body, form, err = unwrap(text, r.Query, func(in io.Reader, length int64) ([]byte, error) { return c.readAll(ctx, in, length, nil) })
	r.Form = form != nil
	for name, values := range form {
		r.Query[name] = append(r.Query[name], values...)
	}
	return len(r.Body), err
}

func (c *call) readAll(ctx context.Context, r io.Reader, length int64, encodings []string) ([]byte, error) {
	var b *body.Body
	wait := func() bool { return c.patience.pause(ctx, roomPause) }
	b, err := c.intake.OpenAny(c.patience.holder, r, length, encodings, wait)
	if err != nil {
		return nil, err
	}
	c.open = append(c.open, b)
	var text bytes.Buffer
	const maxGuess = 1 << 20 // of what a client only says it will send
	text.Grow(int(min(max(length, 0), maxGuess)) + bytes.MinRead)
	if _, err := text.ReadFrom(b); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// store stores what the request holds.
func (c *call) store(ctx context.Context, size int) (*Done, error) {
	r := c.request
	address := server.RequestFrom(ctx).ClientIP
	if c.cfg.StoreIP {
		r.Envelope.IP = address
	}
	if c.protocol.Visitors {
		err := c.patience.retry(ctx, func() (err error) {
			r.Envelope.Visitor, err = c.visitor(ctx, r.Envelope.Received, c.caller.ProjectID, address, c.http.UserAgent())
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	limits := c.intake.Limits()
	s := newSettler(c.protocol, c.caller, &r.Envelope, limits)
	s.wantIDs, s.key = c.route.WantIDs, c.key
	var total int64 // more than the body where what several items share is in each
	for raw, err := range r.Items {
		total += int64(len(raw))
		switch {
		case err != nil:
		case len(s.items) == limits.MaxEvents:
			err = event.ErrTooManyEvents
		case total > c.intake.MaxBodyBytes():
			err = body.ErrTooLarge
		default: // before more memory is taken for the next
			err = c.open[len(c.open)-1].Holds(len(s.items)+1, total)
		}
		if err == nil {
			err = s.add(raw)
		}
		if err != nil {
			return nil, err
		}
	}
	done := &Done{Request: r, Bytes: size}
	err := c.patience.retry(ctx, func() (err error) {
		done.Result, err = c.intake.Receive(ctx, c.caller, s.out)
		return err
	})
	if err != nil {
		return nil, err
	}
	done.Refused, done.IDs = s.out.Rejected, s.sentIDs
	c.count(c.protocol.Name, done.Result)
	return done, nil
}

// refuse writes why nothing was stored, in the protocol's form. What is no fault of the
// request and will not pass either is an error of ours.
func (c *call) refuse(w http.ResponseWriter, err error) error {
	r := c.refusal(err)
	if r == nil {
		return err
	}
	if errors.Is(c.http.Context().Err(), context.Canceled) { // what failed may look like Postgres being away
		return problem.ClientGone()
	}
	r.Request = c.request
	h := w.Header()
	if cause, later := passing(err); later {
		h.Set("Retry-After", "1")
		var limited *problem.Error
		if errors.As(err, &limited) {
			for name, values := range limited.GetHeaders() {
				h[name] = values
			}
		}
		if cause == Away {
			h.Set("Retry-After", "2")
		}
	}
	if r.Cause == TooLarge {
		h.Set("Connection", "close")
	}
	if r.Cause == Away {
		server.RequestFrom(c.http.Context()).Err = err
	}
	c.route.Refuse(w, r)
	return nil
}

// refusal gives an error the form that protocols know, or nil.
func (c *call) refusal(err error) *RefusalError {
	var r *RefusalError
	var domain *refusal.Error
	var corrupt *body.CorruptError
	var p *problem.Error
	cause, later := passing(err)
	switch {
	case errors.As(err, &r):
		own := *r
		return &own
	case later && cause == SlowDown:
		return &RefusalError{Cause: SlowDown, Message: "too many requests; send the events again later"}
	case later:
		return &RefusalError{Cause: Away, Message: "events cannot be stored now; send them again"}
	case errors.As(err, &domain) && domain.Kind == refusal.Unauthenticated:
		return &RefusalError{Cause: BadKey, Message: domain.Detail}
	case errors.Is(err, body.ErrTooLarge), errors.Is(err, event.ErrTooManyEvents):
		return &RefusalError{Cause: TooLarge, Message: err.Error()}
	case errors.As(err, &corrupt), errors.Is(err, body.ErrEncoding):
		return &RefusalError{Cause: Unreadable, Message: err.Error()}
	case errors.Is(err, loose.ErrSyntax), errors.Is(err, loose.ErrTooDeep):
		return &RefusalError{Cause: Unreadable, Message: "the body is not valid JSON"}
	case errors.As(err, &p) && p.Status == http.StatusBadRequest:
		return &RefusalError{Cause: Unreadable, Message: p.Detail}
	}
	return nil
}
