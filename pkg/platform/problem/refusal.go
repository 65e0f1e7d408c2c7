package problem

import (
	"net/http"

	"eventanalytics/pkg/refusal"
)

// fromRefusal gives a refusal of the domain its HTTP form.
func fromRefusal(r *refusal.Error) *Error {
	if r.Kind == refusal.Invalid {
		return Invalid(r.Code, r.Field, r.Detail)
	}
	p := New(statusOf(r.Kind), r.Code, r.Detail)
	p.RetryAfter, p.cause = r.RetryAfter, r.Unwrap()
	if r.Kind == refusal.Unauthenticated { // RFC 9110, 15.5.2: a 401 names a scheme
		return p.WithHeader("WWW-Authenticate", "Bearer")
	}
	return p
}

func statusOf(kind refusal.Kind) int {
	switch kind {
	case refusal.Invalid:
		return http.StatusUnprocessableEntity
	case refusal.Unauthenticated:
		return http.StatusUnauthorized
	case refusal.Forbidden:
		return http.StatusForbidden
	case refusal.NotFound:
		return http.StatusNotFound
	case refusal.Conflict:
		return http.StatusConflict
	case refusal.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
