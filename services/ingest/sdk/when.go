package sdk

import (
	"math"
	"strconv"
	"strings"
	"time"

	"eventanalytics/services/ingest/sdk/loose"
)

// The dead band of correction: a send time between these and ours is believed. Several
// SDKs send the time of their first attempt again: a batch that succeeds after twenty
// minutes must not be moved by as much.
const (
	maxAhead  = 150 * time.Second
	maxBehind = 24 * time.Hour
)

// secondsBelow is where numbers begin to be milliseconds: as seconds it is the year 5138,
// as milliseconds 1973.
const secondsBelow = 1e11

// layouts of times, beside those with a number. One without a zone is UTC.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04:05.999999999Z0700", "2006-01-02 15:04:05.999999999 Z0700", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02",
	time.RFC1123, time.RFC1123Z,
}

// ReadTime reads a time as SDKs write it.
func ReadTime(v loose.Value) (time.Time, bool) {
	text := strings.TrimSpace(v.ID())
	if text == "" {
		return time.Time{}, false
	}
	if !strings.Contains(text, ":") { // most have a time of day, and are no number
		if t, ok := readNumber(text); ok || v.Kind() == loose.Number {
			return t, ok
		}
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return inRange(t)
		}
	}
	return time.Time{}, false
}

// readNumber reads seconds with a fraction, or milliseconds.
func readNumber(text string) (time.Time, bool) {
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil { // exact
		if whole < secondsBelow {
			return inRange(time.Unix(whole, 0))
		}
		return inRange(time.UnixMilli(whole))
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) > 1e15 {
		return time.Time{}, false
	}
	if f >= secondsBelow {
		f /= 1e3
	}
	return inRange(time.UnixMicro(int64(math.Round(f * 1e6))))
}

// inRange refuses years that a database cannot write.
func inRange(t time.Time) (time.Time, bool) {
	t = t.UTC()
	return t, t.Year() >= 1 && t.Year() <= 9999
}

// occurred is when an event happened, and whether that is not what the client said.
func occurred(d *Draft, env *Envelope, maxFuture time.Time) (at time.Time, changed bool) {
	t, ok := ReadTime(d.Time)
	switch {
	case !ok && d.Offset != 0:
		return env.Received.Add(-d.Offset), false
	case !ok:
		return env.Received, d.Time.Is()
	}
	sent, known := ReadTime(d.Sent)
	if !known {
		sent, known = env.Sent, !env.Sent.IsZero()
	}
	if ahead := sent.Sub(env.Received); known && !d.Uncorrected && (ahead > maxAhead || ahead < -maxBehind) {
		t, changed = t.Add(-ahead), true
	}
	if t.After(maxFuture) {
		return env.Received, true
	}
	return t, changed
}
