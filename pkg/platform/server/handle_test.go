package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/problem"
)

type nameKey struct{}

// newHandled has one operation behind a middleware, which answers with what it
// reads or fails by what that is.
func newHandled(t *testing.T) (*Server, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	s, err := New(Config{}, zap.New(core), prometheus.NewRegistry())
	require.NoError(t, err)
	s.API.UseMiddleware(func(ctx huma.Context, next func(huma.Context)) {
		if ctx.Header("X-Refuse") != "" {
			Refuse(ctx, problem.New(http.StatusForbidden, "insufficient-scope", "no"))
			return
		}
		next(huma.WithValue(huma.WithValue(ctx, nameKey{}, ctx.Header("X-Name")), struct{}{}, 1))
	})
	s.Handle(huma.Operation{
		OperationID: "copy", Method: http.MethodPost, Path: "/copy/{id}", Security: []map[string][]string{},
		Errors: []int{http.StatusConflict},
	}, func(w http.ResponseWriter, r *http.Request) error {
		b, err := io.ReadAll(r.Body)
		switch {
		case err != nil:
			return err
		case string(b) == "refuse":
			return problem.New(http.StatusConflict, "conflict", "<taken>").WithHeader("X-Extra", "1")
		case string(b) == "fail":
			return errors.New("secret reason")
		}
		name, _ := r.Context().Value(nameKey{}).(string)
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusAccepted)
		_, err = io.WriteString(w, name+": "+string(b))
		return err
	})
	return s, logs
}

func postCopy(t *testing.T, s *Server, body io.Reader, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/copy/7", body)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer := httptest.NewRecorder()
	s.Handler().ServeHTTP(answer, r)
	return answer
}

func TestHandle(t *testing.T) {
	t.Parallel()
	s, logs := newHandled(t)
	answer := postCopy(t, s, strings.NewReader("text"), "X-Name", "ann")
	require.Equal(t, http.StatusAccepted, answer.Code)
	require.Equal(t, "ann: text", answer.Body.String(), "the handler has the middleware's context")
	require.NotEmpty(t, answer.Header().Get("X-Request-Id"))

	answer = postCopy(t, s, strings.NewReader("text"), "X-Refuse", "1")
	require.Equal(t, http.StatusForbidden, answer.Code, "the handler is behind the middleware")

	answer = postCopy(t, s, strings.NewReader("refuse"), "X-Request-Id", "some-request")
	require.Equal(t, http.StatusConflict, answer.Code)
	require.Equal(t, problem.ContentType, answer.Header().Get("Content-Type"))
	require.Equal(t, "1", answer.Header().Get("X-Extra"))
	require.JSONEq(t, `{"type":"/problems/conflict","title":"Conflict","status":409,"detail":"<taken>","instance":"some-request"}`, answer.Body.String())
	require.Contains(t, answer.Body.String(), "<taken>", "as huma writes it")

	logs.TakeAll()
	answer = postCopy(t, s, strings.NewReader("fail"))
	require.Equal(t, http.StatusInternalServerError, answer.Code)
	require.NotContains(t, answer.Body.String(), "secret")
	entry := logs.FilterMessage("request").All()[0].ContextMap()
	require.Equal(t, "secret reason", entry["error"])
	require.Equal(t, "/copy/7", entry[logging.Path])

	answer = postCopy(t, s, iotest.ErrReader(errors.New("malformed chunked encoding")))
	require.Equal(t, http.StatusBadRequest, answer.Code, "a broken body is the client's mistake")
	answer = postCopy(t, s, iotest.ErrReader(context.Canceled))
	require.Equal(t, http.StatusInternalServerError, answer.Code, "the handler says what a client's hanging up is")
}

func TestHandleDescribes(t *testing.T) {
	t.Parallel()
	s, _ := newHandled(t)
	op := s.API.OpenAPI().Paths["/copy/{id}"].Post
	require.Equal(t, "copy", op.OperationID)
	for _, status := range []string{"409", "500"} {
		require.Equal(t, "#/components/schemas/Error", op.Responses[status].Content[problem.ContentType].Schema.Ref)
	}
}

// A route that is open to anyone by oversight would be found by the wrong people.
func TestHandleNeedsSecurity(t *testing.T) {
	t.Parallel()
	s, _ := newHandled(t)
	require.PanicsWithValue(t, "POST /forgotten does not say who may call it", func() {
		s.Handle(huma.Operation{OperationID: "forgotten", Method: http.MethodPost, Path: "/forgotten"}, nil)
	})
	require.NotContains(t, s.API.OpenAPI().Paths, "/forgotten")
}
