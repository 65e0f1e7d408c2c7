package server

import (
	"context"

	"github.com/google/uuid"
)

// Request is what the service knows about a request beyond HTTP itself. The
// middleware creates one per request; handlers read it from the context and may
// add fields for the access log.
type Request struct {
	ID       string // as in X-Request-Id
	ClientIP string // of the client, not of the gateway
	// Secure says that the client's connection is encrypted.
	Secure bool
	// Err is the internal reason for a 5xx: logged, never sent.
	Err error
	// UserID and ProjectID are set once the caller is known, for the log.
	UserID, ProjectID int64
}

type requestKey struct{}

// RequestFrom returns the context's Request. Outside a request it returns an
// empty one.
func RequestFrom(ctx context.Context) *Request {
	if r, ok := ctx.Value(requestKey{}).(*Request); ok {
		return r
	}
	return &Request{}
}

func withRequest(ctx context.Context, r *Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// RequestID keeps the id given by a gateway or client if it is harmless, and
// generates one otherwise.
func RequestID(given string) string {
	if len(given) < 8 || len(given) > 64 {
		return uuid.NewString()
	}
	for _, c := range []byte(given) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return uuid.NewString()
		}
	}
	return given
}
