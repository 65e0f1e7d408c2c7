package sdk

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"eventanalytics/services/ingest/body"
)

// A request is held for SDK_WAIT, however long its body took to arrive, and however long
// each try takes.
func TestPatience(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ slow, try, held time.Duration }{
		"at once":       {held: 10 * time.Second},
		"a slow body":   {slow: time.Minute, held: 10 * time.Second},
		"slow tries":    {try: time.Second, held: 11 * time.Second}, // the first is none of it
		"a longer try":  {try: time.Hour, held: 2 * time.Hour},
		"both are slow": {slow: time.Minute, try: time.Second, held: 11 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := New(Config{Wait: 10 * time.Second}, Deps{Registry: prometheus.NewRegistry()})
			p := s.patience(httptest.NewRequest(http.MethodPost, "/e", nil))
			time.Sleep(c.slow)
			begun := time.Now()
			err := p.retry(t.Context(), func() error {
				time.Sleep(c.try)
				return body.ErrOverloaded
			})
			require.ErrorIs(t, err, body.ErrOverloaded, name)
			require.InDelta(t, c.held, time.Since(begun), float64(awayPause), name)
			require.False(t, p.pause(t.Context(), time.Second), "%s: it was held for as long as it may be", name)
			require.Empty(t, s.held.of, name)
		})
	}
}

// What will not pass is no reason to wait.
func TestPatienceEnds(t *testing.T) {
	t.Parallel()
	p := patience{held: &held{of: map[body.Holder]int{}}, left: time.Hour}
	tries := 0
	for _, end := range []error{nil, body.ErrTooLarge} {
		err := p.retry(t.Context(), func() error {
			if tries++; tries%2 == 1 {
				return body.ErrOwnShare
			}
			return end
		})
		require.True(t, errors.Is(err, end))
	}
	require.Equal(t, 4, tries)
}
