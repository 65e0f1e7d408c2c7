package sdk

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/services/ingest/sdk/loose"
)

func TestReadTime(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 29, 8, 36, 29, 58_000_000, time.UTC)
	for text, want := range map[string]time.Time{
		`"2026-11-29T08:36:29.058Z"`: at, `"2026-11-29T10:36:29.058+02:00"`: at, `"2026-11-29 08:36:29.058"`: at, `"2026-11-29T08:36:29.058"`: at,
		`"2026-11-29T10:36:29.058+0200"`: at, `1795941389058`: at, `"1795941389058"`: at, `1795941389.058`: at, `1795941389`: at.Truncate(time.Second),
		`"2026-11-29"`: at.Truncate(24 * time.Hour), `99999999999`: time.Unix(99999999999, 0).UTC(), `100000000000`: time.UnixMilli(100000000000).UTC(),
	} {
		v, err := loose.Parse([]byte(text))
		require.NoError(t, err)
		got, ok := ReadTime(v)
		require.True(t, ok, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{`""`, `"yesterday"`, `null`, `true`, `1e300`, `"2026-13-01T00:00:00Z"`, `{}`} {
		v, err := loose.Parse([]byte(text))
		require.NoError(t, err)
		_, ok := ReadTime(v)
		require.False(t, ok, text)
	}
}

// TestCorrection has the edges of the dead band.
func TestCorrection(t *testing.T) {
	t.Parallel()
	received := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	stamp := func(t time.Time) loose.Value { return loose.Text(t.Format(time.RFC3339Nano)) }
	for name, c := range map[string]struct {
		ahead, time, want time.Duration // time and want from received on
		changed           bool
		draft             Draft
	}{
		"right":                        {0, -time.Minute, -time.Minute, false, Draft{}},
		"at the edge ahead":            {150 * time.Second, 0, 0, false, Draft{}},
		"beyond it":                    {151 * time.Second, 151 * time.Second, 0, true, Draft{}},
		"an old attempt":               {-20 * time.Minute, -21 * time.Minute, -21 * time.Minute, false, Draft{}},
		"at the edge behind":           {-24 * time.Hour, -25 * time.Hour, -25 * time.Hour, false, Draft{}},
		"a wrong clock":                {-25 * time.Hour, -25*time.Hour - time.Minute, -time.Minute, true, Draft{}},
		"a wrong clock, not corrected": {-25 * time.Hour, -26 * time.Hour, -26 * time.Hour, false, Draft{Uncorrected: true}},
		"still in the future":          {0, 2 * time.Hour, 0, true, Draft{}},
	} {
		d := c.draft
		d.Time = stamp(received.Add(c.time))
		at, changed := occurred(&d, &Envelope{Received: received, Sent: received.Add(c.ahead)}, received.Add(time.Hour))
		require.Equal(t, received.Add(c.want), at, name)
		require.Equal(t, c.changed, changed, name)
	}
	at, changed := occurred(&Draft{Time: loose.Text("soon")}, &Envelope{Received: received}, received)
	require.Equal(t, received, at)
	require.True(t, changed, "what was sent is kept")
	at, changed = occurred(&Draft{Offset: time.Minute}, &Envelope{Received: received}, received)
	require.Equal(t, received.Add(-time.Minute), at)
	require.False(t, changed)
}
