// Package upload posts events through the service's client and tells what became
// of each.
package upload

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"eventanalytics/pkg/client"
)

// Uploader posts events. Its methods may be called concurrently.
type Uploader struct {
	client *client.Client
	// keyPrefix of the Idempotency-Key of each request.
	keyPrefix string
}

// New makes an uploader; it does not talk to the service yet. keyPrefix begins the
// Idempotency-Key of each request: the same events under the same prefix are one
// upload. Uploads under way are finished when their context ends.
func New(cfg client.Config, keyPrefix string) (*Uploader, error) {
	cfg.FinishAttempts = true // the service may have stored the events already
	cfg.MaxAnswer = maxAnswer
	c, err := client.New(cfg)
	if err != nil {
		return nil, err
	}
	return &Uploader{c, keyPrefix}, nil
}

// maxAnswer bounds an answer in bytes; a hundred errors take some 20 KiB.
const maxAnswer = 4 << 20

// Result of an upload. What is neither Accepted nor in Errors was stored before.
type Result struct {
	Accepted int
	Errors   []EventError // in the order of the events
}

// EventError says why an event is not stored.
type EventError struct {
	Index                int // of the event in the upload, from 0
	Field, Code, Message string
}

// Send posts events and returns what became of each. The service lists a hundred
// errors at most: when there are more, it sends halves of the events again until
// every error is listed. What is already stored only counts as a duplicate then.
func (u *Uploader) Send(ctx context.Context, events [][]byte) (Result, error) {
	body := append(bytes.Join(events, []byte("\n")), '\n')
	sum := sha256.Sum256(body)
	receipt, err := u.client.PostEvents(ctx, client.Upload{
		Body: body, NDJSON: true, IdempotencyKey: u.keyPrefix + "-" + hex.EncodeToString(sum[:16]),
	})
	var refused *client.Problem
	switch {
	case err == nil:
	case !errors.As(err, &refused):
		return Result{}, err
	case refused.Status == http.StatusRequestEntityTooLarge && len(events) > 1:
		return u.halves(ctx, events)
	case refused.Status == http.StatusRequestEntityTooLarge:
		return Result{Errors: []EventError{{Code: "too-large", Message: refused.Detail}}}, nil
	case aboutEvents(refused):
		receipt = &client.Receipt{Errors: refused.Fields, Omitted: refused.Omitted}
	default:
		return Result{}, err
	}
	return u.result(ctx, events, receipt)
}

// aboutEvents says whether a refusal names the events that are to blame.
func aboutEvents(p *client.Problem) bool {
	return p.Status == http.StatusUnprocessableEntity && len(p.Fields) > 0 &&
		!slices.ContainsFunc(p.Fields, func(e client.FieldError) bool { return e.Index == nil })
}

func (u *Uploader) result(ctx context.Context, events [][]byte, r *client.Receipt) (Result, error) {
	if err := check(r, len(events)); err != nil {
		return Result{}, err
	}
	if r.Omitted > 0 {
		told, err := u.halves(ctx, events)
		told.Accepted += r.Accepted
		return told, err
	}
	result := Result{Accepted: r.Accepted}
	for _, e := range r.Errors {
		result.Errors = append(result.Errors, EventError{*e.Index, e.Field, e.Code, e.Message})
	}
	return result, nil
}

// check makes sure that the errors of a receipt are of n events, in their order.
func check(r *client.Receipt, n int) error {
	if r.Omitted > 0 && n == 1 {
		return errors.New("the service tells more errors than there are events")
	}
	last := -1
	for _, e := range r.Errors {
		if e.Index == nil {
			return errors.New("the service tells an error of none of the events")
		}
		if *e.Index <= last || *e.Index >= n {
			return fmt.Errorf("the service tells an error of event %d of %d", *e.Index, n)
		}
		last = *e.Index
	}
	return nil
}

func (u *Uploader) halves(ctx context.Context, events [][]byte) (Result, error) {
	half := len(events) / 2
	first, err := u.Send(ctx, events[:half])
	if err != nil {
		return Result{}, err
	}
	second, err := u.Send(ctx, events[half:])
	if err != nil {
		return Result{}, err
	}
	first.Accepted += second.Accepted
	for _, e := range second.Errors {
		e.Index += half
		first.Errors = append(first.Errors, e)
	}
	return first, nil
}
