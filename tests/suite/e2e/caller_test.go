package e2e

import (
	"testing"

	"eventanalytics/tests/harness/api"
)

type (
	caller = api.Caller
	answer = api.Answer
	object = api.Object
)

const password = api.Password

// documented compares every answer that a caller of this suite gets with the
// OpenAPI document of the service it came from.
var documented = api.Documented()

// anonymous returns a caller without credentials.
func anonymous(t *testing.T, base string) *caller {
	t.Helper()
	return api.Anonymous(base, documented)
}

// newUser registers a new account and logs in.
func newUser(t *testing.T, base string) *caller {
	t.Helper()
	return api.NewUser(t, base, documented)
}
