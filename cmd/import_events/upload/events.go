package upload

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Result of an upload. Events neither Accepted nor in Errors were already stored.
type Result struct {
	Accepted int
	Errors   []EventError // in the order of the events
}

// EventError says why an event was not stored.
type EventError struct {
	Index                int // of the event in the upload, from 0
	Field, Code, Message string
}

// answer of /api/events: the receipt of a 202, or the problem of a 422.
type answer struct {
	Accepted int
	Errors   []struct {
		Index                *int
		Field, Code, Message string
	}
	Omitted int `json:"errors_omitted"`
}

// Send posts events and reports the outcome of each. The service lists at most a
// hundred errors; if there are more, halves of the events are sent again until
// every error is listed. Events already stored then merely count as duplicates.
func (c *Client) Send(ctx context.Context, events [][]byte) (Result, error) {
	r, err := c.post(ctx, append(bytes.Join(events, []byte("\n")), '\n'))
	if err != nil {
		return Result{}, err
	}
	if r.status == http.StatusRequestEntityTooLarge {
		if len(events) > 1 {
			return c.halves(ctx, events)
		}
		return Result{Errors: []EventError{{Code: "too-large", Message: r.refusal().Detail}}}, nil
	}
	a, err := read(r, len(events))
	if err != nil {
		return Result{}, err
	}
	if a.Omitted > 0 {
		told, err := c.halves(ctx, events)
		told.Accepted += a.Accepted
		return told, err
	}
	result := Result{Accepted: a.Accepted}
	for _, e := range a.Errors {
		result.Errors = append(result.Errors, EventError{*e.Index, e.Field, e.Code, e.Message})
	}
	return result, nil
}

func (c *Client) halves(ctx context.Context, events [][]byte) (Result, error) {
	half := len(events) / 2
	first, err := c.Send(ctx, events[:half])
	if err != nil {
		return Result{}, err
	}
	second, err := c.Send(ctx, events[half:])
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

// read parses a response that reports the outcome of each of n events.
func read(r *response, n int) (answer, error) {
	if r.status != http.StatusAccepted && r.status != http.StatusUnprocessableEntity {
		return answer{}, r.refusal()
	}
	var a answer
	if err := json.Unmarshal(r.body, &a); err != nil {
		return answer{}, fmt.Errorf("reading the response: %w", err)
	}
	if a.Omitted > 0 && n == 1 {
		return answer{}, errors.New("the service reports more errors than there are events")
	}
	if r.status == http.StatusUnprocessableEntity && len(a.Errors) == 0 {
		return answer{}, r.refusal()
	}
	last := -1
	for _, e := range a.Errors {
		switch {
		case e.Index == nil: // it is not about the events
			return answer{}, r.refusal()
		case *e.Index <= last || *e.Index >= n:
			return answer{}, fmt.Errorf("the service reports an error for event %d of %d", *e.Index, n)
		}
		last = *e.Index
	}
	return a, nil
}
