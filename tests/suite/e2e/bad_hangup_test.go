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
		"OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_ENDPOINT="+server.URL, "OTEL_BSP_SCHEDULE_DELAY=20",
		"WAREHOUSE_QUERY_TIMEOUT=5m") // on a busy machine the question takes more than the usual 30 s
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

	// leave asks once for each of parts, hangs up when that part of the time that
	// the computation takes is over, and returns how long it took until it was given
	// up. A machine that has become faster since the time was measured may answer
	// before that: then it is measured again.
	leave := func(parts ...float64) (took, whole time.Duration) {
		for range 10 {
			require.NoError(t, askWide(t.Context(), c))
			whole, failed := next()
			require.False(t, failed)
			answers := make(chan error, len(parts))
			for _, part := range parts {
				go func() { answers <- askWideFor(t, c, time.Duration(part*float64(whole))) }()
			}
			left := 0
			for range parts {
				if err := <-answers; err != nil {
					require.ErrorIs(t, err, context.DeadlineExceeded)
					left++
				}
			}
			took, failed := next()
			t.Logf("left after %v, ended after %s of %s", parts, took, whole)
			if left == len(parts) {
				require.True(t, failed)
				return took, whole
			}
		}
		require.Fail(t, "each time the answer came before the clients had left")
		return 0, 0
	}
	// On a machine that has become busier it may take as long as the whole did before,
	// but not each time.
	var took, whole time.Duration
	for range 5 {
		if took, whole = leave(1. / 4); took < whole {
			break
		}
	}
	require.Less(t, took, whole)
	took, whole = leave(1./8, 1./2)
	require.Greater(t, took, whole/4, "the caller that stays must not suffer")
}

const wideKeys = 40

// wideEvents are many, with many properties inside a property, which have no
// columns of their own.
func wideEvents() string {
	var inside []string
	for i := range wideKeys {
		inside = append(inside, fmt.Sprintf(`"k%d":1`, i))
	}
	events := make([]string, 100_000)
	for i := range events { // all different: what is the same is computed once
		events[i] = event(newID(), "properties", fmt.Sprintf(`{"i":%d,"o":{%s}}`, i, strings.Join(inside, ",")))
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
