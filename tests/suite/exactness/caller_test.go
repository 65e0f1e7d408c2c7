package exactness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"eventanalytics/pkg/client"
	"eventanalytics/tests/harness/api"
)

// caller is a user with a project of its own.
type caller struct{ *api.Caller }

func newCaller(t *testing.T) *caller {
	t.Helper()
	return newCallerAt(t, gateway)
}

// newCallerAt makes the user at another base than the gateway.
func newCallerAt(t *testing.T, base string) *caller {
	t.Helper()
	return &caller{api.NewUser(t, base, nil)}
}

// answer to an upload: a receipt or, from 400 on, a problem.
type answer struct {
	*api.Answer `json:"-"`
	client.Receipt
	Type string `json:"type"`
}

// post sends an upload once. The error is that of a connection without an
// answer, or of an answer that makes no sense.
func (c *caller) post(ctx context.Context, base string, u upload) (*answer, error) {
	return c.postBody(ctx, base, u, bytes.NewReader(u.body))
}

// postBody is post with a body that is not in u.
func (c *caller) postBody(ctx context.Context, base string, u upload, body io.Reader) (*answer, error) {
	var headers []string
	for name, value := range u.header {
		headers = append(headers, name, value)
	}
	got, err := c.At(base).Try(ctx, http.MethodPost, fmt.Sprintf("/api/events?atomic=%t", u.atomic), body, headers...)
	if err != nil {
		return nil, err
	}
	a := &answer{Answer: got}
	if err := json.Unmarshal(got.Body, a); err != nil {
		return nil, fmt.Errorf("reading the answer %s: %w", a, err)
	}
	if a.Status == http.StatusAccepted && a.Events != a.Accepted+a.Duplicates+a.Rejected {
		return nil, fmt.Errorf("the counts do not add up: %s", a)
	}
	return a, nil
}

// mustPost sends an upload whose events are all valid, and must be accepted or
// known.
func (c *caller) mustPost(ctx context.Context, base string, u upload, events int) (*answer, error) {
	a, err := c.post(ctx, base, u)
	if err != nil {
		return nil, err
	}
	if a.Status != http.StatusAccepted || a.Events != events || a.Rejected != 0 || len(a.Errors) != 0 {
		return nil, fmt.Errorf("posting %d valid events: %s", events, a)
	}
	return a, nil
}
