package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"eventanalytics/tests/harness/stack"
)

// hangUp leaves while a question is being computed: alone, and as the last of two
// that asked the same. Traces tell how long the computations took.
func hangUp(t *testing.T, _ *caller) {
	to := &collector{}
	server := httptest.NewServer(to)
	t.Cleanup(server.Close)
	s, err := stack.Services(t.Context(), newDir(t),
		"OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_ENDPOINT="+server.URL, "OTEL_BSP_SCHEDULE_DELAY=20")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })

	c := newUser(t, s.URL)
	position := c.Upload(t, wideEvents()).Position
	c.Visible(t, position, dau, days...)
	computed := 0 // spans seen so far
	next := func() (took time.Duration, failed bool) {
		var spans []span
		require.Eventually(t, func() bool {
			spans = spans[:0]
			for _, s := range to.spans() {
				if s.Name == "metric active-users" {
					spans = append(spans, s)
				}
			}
			return len(spans) > computed
		}, time.Minute, 10*time.Millisecond)
		last := spans[computed]
		computed++
		return time.Duration(last.EndTimeUnixNano - last.StartTimeUnixNano), last.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR
	}

	require.NoError(t, askWide(t.Context(), c))
	whole, failed := next()
	require.False(t, failed)

	require.ErrorIs(t, askWideFor(t, c, whole/4), context.DeadlineExceeded)
	took, failed := next()
	require.True(t, failed)
	require.Less(t, took, whole)
	t.Logf("left after %s, ended after %s of %s", whole/4, took, whole)

	first := make(chan error, 1)
	go func() { first <- askWideFor(t, c, whole/8) }()
	require.ErrorIs(t, askWideFor(t, c, whole/2), context.DeadlineExceeded)
	require.ErrorIs(t, <-first, context.DeadlineExceeded)
	took, failed = next()
	require.True(t, failed)
	require.Greater(t, took, whole/4, "the caller that stays must not suffer")
	t.Logf("the last left after %s, ended after %s of %s", whole/2, took, whole)
}

const wideKeys = 40

// wideEvents are many, with many properties inside a property, which have no
// columns of their own.
func wideEvents() string {
	var inside []string
	for i := range wideKeys {
		inside = append(inside, fmt.Sprintf(`"k%d":1`, i))
	}
	properties := `{"o":{` + strings.Join(inside, ",") + `}}`
	events := make([]string, 100_000)
	for i := range events {
		events[i] = event(newID(), "properties", properties)
	}
	return array(events...)
}

// askWide asks for conditions on all these properties, which all hold.
func askWide(ctx context.Context, c *caller) error {
	query := url.Values{"from": {"2025-08-01"}, "to": {"2025-08-31"}}
	for i := range wideKeys {
		query.Add("segment", fmt.Sprintf("properties.o.k%d!=x", i))
	}
	a, err := c.Try(ctx, http.MethodGet, "/api/stats/active-users?"+query.Encode(), nil, "Cache-Control", "no-cache")
	if err == nil && a.Status != http.StatusOK {
		err = errors.New(a.String())
	}
	return err
}

// askWideFor hangs up when the time is over.
func askWideFor(t *testing.T, c *caller, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return askWide(ctx, c)
}
