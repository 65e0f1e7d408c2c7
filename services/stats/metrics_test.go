package stats

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/question"
)

func (a *api) metrics() string {
	w := httptest.NewRecorder()
	a.Server().Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

func TestAnswersAreCountedBySource(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	a.publish(t, 1, august()...)
	a.visible(t)
	const dau = "/api/stats/dau?from=2025-08-04&to=2025-08-06"
	tag := a.get(t, 1, dau).Header.Get("ETag")
	for range 3 {
		require.Equal(t, http.StatusNotModified, a.get(t, 1, dau, "If-None-Match", tag).StatusCode)
	}
	q := waitingQuestion{release: make(chan struct{})}
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			if _, err := a.rows(t.Context(), "waiting", "tag", cachePolicy{}, q, a.nothing, 1); err != nil {
				t.Error(err)
			}
		})
	}
	require.Eventually(t, func() bool {
		a.shared.mu.Lock()
		defer a.shared.mu.Unlock()
		c := a.shared.calls["tag"]
		return c != nil && c.waiting == 4
	}, 5*time.Second, time.Millisecond)
	close(q.release)
	callers.Wait()
	for _, line := range []string{
		`analytics_stats_answers_total{metric="dau",source="computed"} 1`,
		`analytics_stats_answers_total{metric="dau",source="not_modified"} 3`,
		`analytics_stats_answers_total{metric="waiting",source="computed"} 1`,
		`analytics_stats_answers_total{metric="waiting",source="shared"} 3`,
	} {
		require.Contains(t, a.metrics(), line+"\n")
	}
}

type waitingQuestion struct{ release chan struct{} }

func (waitingQuestion) Columns() []question.Column { return nil }

func (q waitingQuestion) Answer(context.Context, *engine.Source) (*question.Table, error) {
	<-q.release
	return question.NewTable(context.Background(), nil, 0), nil
}

func TestManifestAge(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	require.Contains(t, a.metrics(), "analytics_stats_manifest_age_seconds +Inf\n", "never read")
	a.run(t)
	require.Regexp(t, `analytics_stats_manifest_age_seconds \d`, a.metrics())
}
