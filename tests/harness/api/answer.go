package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/client"
)

// Answer is a response that a test looks at.
type Answer struct{ *client.Response }

func (a *Answer) String() string { return fmt.Sprintf("%d %.1000s", a.Status, a.Body) }

// Is requires a status and, when code is not empty, that the answer is a problem
// with that code.
func (a *Answer) Is(t testing.TB, status int, code string) *Answer {
	t.Helper()
	require.Equal(t, status, a.Status, "%s", a)
	if code != "" {
		require.Equal(t, code, a.Problem(t).Code, "%s", a)
	}
	return a
}

// Decode reads the JSON of the answer.
func (a *Answer) Decode(t testing.TB, into any) *Answer {
	t.Helper()
	require.NoError(t, json.Unmarshal(a.Body, into), "%s", a)
	return a
}

// Problem reads an error, which must have the form that all of them have.
func (a *Answer) Problem(t testing.TB) *client.Problem {
	t.Helper()
	require.NoError(t, checkProblem(a.Response), "%s", a)
	return a.Response.Problem()
}

func checkProblem(r *client.Response) error {
	var body struct {
		Type, Title, Detail, Instance string
		Status                        int
	}
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return fmt.Errorf("reading a problem: %w", err)
	}
	switch {
	case r.Header.Get("Content-Type") != "application/problem+json":
		return fmt.Errorf("a problem of type %q", r.Header.Get("Content-Type"))
	case body.Status != r.Status:
		return fmt.Errorf("a problem of status %d in an answer of %d", body.Status, r.Status)
	case body.Title == "" || body.Detail == "":
		return errors.New("a problem without title or detail")
	case body.Instance != r.Header.Get("X-Request-Id"):
		return fmt.Errorf("a problem of request %q in an answer to %q", body.Instance, r.Header.Get("X-Request-Id"))
	case !strings.HasPrefix(body.Type, "/problems/"):
		return fmt.Errorf("a problem whose type is %q", body.Type)
	}
	return nil
}
