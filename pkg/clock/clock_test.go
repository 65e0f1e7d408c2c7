package clock_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/clock"
)

func TestPause(t *testing.T) {
	t.Parallel()
	require.True(t, clock.Pause(t.Context(), time.Nanosecond))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.False(t, clock.Pause(ended, time.Hour))
}
