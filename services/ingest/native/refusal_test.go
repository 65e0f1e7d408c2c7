package native

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/services/ingest/body"
	"eventanalytics/services/ingest/intake"
)

// A client that hangs up is no error of the service.
func TestHangingUpIsNoServerError(t *testing.T) {
	t.Parallel()
	srv, err := server.New(server.Config{}, zap.NewNop(), prometheus.NewRegistry())
	require.NoError(t, err)
	var reason error
	op := huma.Operation{Method: http.MethodPost, Path: "/events", OperationID: "events", Security: []map[string][]string{}}
	srv.Handle(op, func(http.ResponseWriter, *http.Request) error { return asProblem(reason) })
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	for _, cause := range []error{context.Canceled, &net.OpError{Op: "dial", Err: context.Canceled}} {
		reason = fmt.Errorf("waiting: %w", cause)
		w := httptest.NewRecorder()
		srv.Handler().ServeHTTP(w, httptest.NewRequestWithContext(gone, http.MethodPost, "/events", nil))
		require.Equal(t, 499, w.Code, "%T", cause)
	}
}

// What is said about events may not take more memory than they do, and an answer
// lists a hundred mistakes at most.
func TestAnswersListAHundredMistakes(t *testing.T) {
	conflicts := make([]int32, 250_000)
	for i := range conflicts {
		conflicts[i] = int32(i)
	}
	rejected := make([]event.Invalid, event.MaxKept)
	for i := range rejected {
		rejected[i].Index = i
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	answer, err := accepted(auth.Principal{}, intake.Result{Duplicates: len(conflicts), Conflicts: conflicts, Rejected: 1000, Invalid: rejected}, time.Now())
	require.NoError(t, err)
	p := problem.From(asProblem(&intake.ConflictError{Indexes: conflicts}))
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
	var a Answer
	require.NoError(t, json.Unmarshal(answer.Body, &a))
	require.Equal(t, []int{100, 250_900}, []int{len(a.Errors), a.ErrorsOmitted})
	require.Equal(t, []int{100, 249_900}, []int{len(p.Errors), p.ErrorsOmitted})

	var query strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&query, "&%d", i)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/events?"+query.String()[1:], nil)
	_, err = readParams(r)
	p = problem.From(err)
	require.Equal(t, []int{422, 100, 900}, []int{p.Status, len(p.Errors), p.ErrorsOmitted})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
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
		{err: body.ErrOwnShare, status: 429, code: "too-many-uploads", header: "Retry-After", says: "1"},
		{err: body.ErrOverloaded, status: 503, code: "overloaded", header: "Retry-After", says: "1"},
		{err: &intake.InvalidError{Events: 2, Rejected: 2, Code: "too-deep"}, status: 422, code: "too-deep"},
		{err: &intake.InvalidError{Events: 2, Rejected: 2}, status: 422, code: "invalid-events"},
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

// A client learns where in its upload the JSON is broken.
func TestMalformedRequestNamesTheEvent(t *testing.T) {
	t.Parallel()
	_, err := event.Decode(strings.NewReader(`[{}, {"event_type": ]`), false, event.Limits{MaxEvents: 2})
	p := problem.From(asProblem(err))
	require.Equal(t, 400, p.Status)
	require.Len(t, p.Errors, 1)
	require.Equal(t, 1, *p.Errors[0].Index)
	require.Equal(t, "malformed-json", p.Errors[0].Code)
}
