package problem_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/refusal"
)

// Each kind of refusal in the one HTTP form it has, also when it was wrapped.
func TestRefusals(t *testing.T) {
	t.Parallel()
	cause := errors.New("connection refused")
	for name, c := range map[string]struct {
		refusal *refusal.Error
		body    string
		header  http.Header
	}{
		"invalid": {
			refusal.InvalidField("too-common", "password", "is among the commonest passwords"),
			`{"type": "/problems/too-common", "title": "Unprocessable Entity", "status": 422, "detail": "password: is among the commonest passwords",
			  "errors": [{"field": "password", "code": "too-common", "message": "is among the commonest passwords"}]}`,
			http.Header{},
		},
		"unauthenticated": {
			refusal.New(refusal.Unauthenticated, "invalid-credentials", "user name or password is wrong"),
			`{"type": "/problems/invalid-credentials", "title": "Unauthorized", "status": 401, "detail": "user name or password is wrong"}`,
			http.Header{"Www-Authenticate": {"Bearer"}},
		},
		"forbidden": {
			refusal.New(refusal.Forbidden, "not-owner", "only owners can do this"),
			`{"type": "/problems/not-owner", "title": "Forbidden", "status": 403, "detail": "only owners can do this"}`,
			http.Header{},
		},
		"not found": {
			refusal.New(refusal.NotFound, "not-found", "there is no such key"),
			`{"type": "/problems/not-found", "title": "Not Found", "status": 404, "detail": "there is no such key"}`,
			http.Header{},
		},
		"conflict": {
			refusal.New(refusal.Conflict, "username-taken", "username: is taken"),
			`{"type": "/problems/username-taken", "title": "Conflict", "status": 409, "detail": "username: is taken"}`,
			http.Header{},
		},
		"unavailable": {
			refusal.Later("unavailable", "try again", 1500*time.Millisecond, cause),
			`{"type": "/problems/unavailable", "title": "Service Unavailable", "status": 503, "detail": "try again"}`,
			http.Header{"Retry-After": {"2"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := problem.From(fmt.Errorf("doing it: %w", c.refusal))
			body, err := json.Marshal(p)
			require.NoError(t, err)
			require.JSONEq(t, c.body, string(body))
			require.Equal(t, c.header, p.GetHeaders())
		})
	}
	p := problem.From(refusal.Later("unavailable", "try again", time.Second, cause))
	require.ErrorIs(t, p, cause)
	require.ErrorContains(t, refusal.Later("unavailable", "try again", time.Second, cause), "connection refused", "the log has the cause")
}

func TestOtherErrorsStayInside(t *testing.T) {
	t.Parallel()
	p := problem.From(errors.New("password of the database"))
	require.Equal(t, 500, p.Status)
	body, err := json.Marshal(p)
	require.NoError(t, err)
	require.NotContains(t, string(body), "password")
	_, refused := problem.As(errors.New("any"))
	require.False(t, refused)
}
