package native

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/services/ingest/body"
	"eventanalytics/services/ingest/intake"
)

// A client that hangs up is no error of the service.
func TestHangingUpIsNoServerError(t *testing.T) {
	t.Parallel()
	var p *problem.Error
	require.ErrorAs(t, asProblem(fmt.Errorf("waiting: %w", context.Canceled)), &p)
	require.Equal(t, 499, p.Status)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	mistake := func(code string) event.Invalid { return event.Invalid{Mistake: event.Mistake{Code: code}} }
	for _, tc := range []struct {
		err          error
		status       int
		code         string
		header, says string
	}{
		{err: &event.RequestError{Code: "malformed-json", Malformed: true}, status: 400, code: "malformed-json"},
		{err: &event.RequestError{Code: "empty-batch"}, status: 422, code: "empty-batch"},
		{err: &body.CorruptError{Err: io.ErrUnexpectedEOF}, status: 400, code: "malformed-encoding"},
		{err: body.ErrEncoding, status: 415, code: "unsupported-encoding", header: "Accept-Encoding", says: "gzip, zstd"},
		{err: body.ErrTooLarge, status: 413, code: "too-large", header: "Connection", says: "close"},
		{err: event.ErrTooManyEvents, status: 413, code: "too-large", header: "Connection", says: "close"},
		{err: event.ErrEventTooLarge, status: 413, code: "too-large", header: "Connection", says: "close"},
		{err: body.ErrOverloaded, status: 503, code: "overloaded", header: "Retry-After", says: "1"},
		{err: &intake.InvalidError{Events: 2, Invalid: []event.Invalid{mistake("too-deep"), mistake("too-deep")}}, status: 422, code: "too-deep"},
		{err: &intake.InvalidError{Events: 2, Invalid: []event.Invalid{mistake("too-deep"), mistake("too-large")}}, status: 422, code: "invalid-events"},
		{err: &intake.ConflictError{Indexes: []int32{7}}, status: 409, code: "conflict"},
		{err: intake.ErrKeyReused, status: 409, code: "idempotency-key-reused"},
		{err: intake.ErrKeyInUse, status: 409, code: "in-progress", header: "Retry-After", says: "1"},
		{err: outbox.ErrRestored, status: 503, code: "unavailable", header: "Retry-After", says: "2"},
		{err: context.DeadlineExceeded, status: 503, code: "unavailable", header: "Retry-After", says: "2"},
		{err: errors.New("a bug"), status: 500, code: "internal"},
	} {
		p := problem.From(asProblem(fmt.Errorf("doing something: %w", tc.err)))
		require.Equal(t, tc.status, p.Status, tc.err)
		require.Equal(t, tc.code, p.Code(), tc.err)
		if tc.header != "" {
			require.Equal(t, tc.says, p.GetHeaders().Get(tc.header), tc.err)
		}
	}
}
