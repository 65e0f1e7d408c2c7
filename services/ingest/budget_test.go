package ingest

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func TestBodyTakesFromTheBudget(t *testing.T) {
	t.Parallel()
	const size = 3 << 20
	text := bytes.Repeat([]byte("0a9s8d7f"), size/8)
	for encoding, wire := range map[string][]byte{"": text, "gzip": gzipped(t, text), "zstd": zstded(t, text)} {
		budget := newBudget(16<<20, prometheus.NewRegistry())
		b, err := newBody(bytes.NewReader(wire), int64(len(wire)), []string{encoding}, Limits{MaxBodyBytes: size, MaxRatio: 1e6}, budget)
		require.NoError(t, err, encoding)
		_, err = io.Copy(io.Discard, b)
		require.NoError(t, err, encoding)
		require.GreaterOrEqual(t, budget.used.Load(), int64(size), encoding)
		require.LessOrEqual(t, budget.used.Load(), int64(3*size), encoding)
		b.close()
		require.Zero(t, budget.used.Load(), encoding)
	}
}

func TestBodyFindsNoRoom(t *testing.T) {
	t.Parallel()
	budget := newBudget(4<<20, prometheus.NewRegistry())
	limits := Limits{MaxBodyBytes: 4 << 20, MaxRatio: 1e6}
	open := func(wire []byte, encoding string) (*body, error) {
		b, err := newBody(bytes.NewReader(wire), int64(len(wire)), []string{encoding}, limits, budget)
		if err == nil {
			_, err = io.Copy(io.Discard, b)
		}
		return b, err
	}
	const taken = 7 << 19 // all but an eighth
	require.True(t, budget.take(taken, true))
	second, err := open(make([]byte, 1<<20), "")
	require.ErrorIs(t, err, errOverloaded)
	n, err := second.Read(make([]byte, 100))
	require.Zero(t, n, "a reader that passed over the error gets nothing more")
	require.ErrorIs(t, err, errOverloaded)
	second.close()
	// A zstd stream of a few bytes that asks for a window of 8 MiB.
	var small bytes.Buffer
	z, err := zstd.NewWriter(&small, zstd.WithWindowSize(8<<20))
	require.NoError(t, err)
	_, err = z.Write([]byte("[]"))
	require.NoError(t, err)
	require.NoError(t, z.Flush())
	require.NoError(t, z.Close())
	_, err = open(small.Bytes(), "zstd")
	require.Error(t, err)
	third, err := open([]byte("{}"), "")
	require.NoError(t, err, "an eighth is kept for small bodies")
	third.close()
	for length, room := range map[int64]bool{2: true, -1: false, 3 << 20: false} {
		b, err := newBody(strings.NewReader("{}"), length, nil, limits, budget)
		require.NoError(t, err)
		_, err = io.ReadAll(b)
		require.Equal(t, room, err == nil, "a body of %d bytes: who sends many is bulk from the first", length)
		b.close()
	}
	budget.give(taken)
	require.Zero(t, budget.used.Load())
}

func TestOverloaded(t *testing.T) {
	t.Parallel()
	limits := defaultLimits
	limits.MaxInFlight = 100 << 10
	a := newAPI(t, limits)
	var refusal replayable
	large := "[" + strings.Repeat(eventJSON(uuid.New(), "1")+",", 999) + eventJSON(uuid.New(), "1") + "]"
	require.Equal(t, http.StatusServiceUnavailable, a.request(t, http.MethodPost, "/api/events", large, &refusal))
	require.Contains(t, refusal.Type, "overloaded")
	var got Answer
	require.Equal(t, http.StatusAccepted, a.request(t, http.MethodPost, "/api/events", eventJSON(uuid.New(), "1"), &got))
	require.Equal(t, 1, got.Accepted)
	ledger, _ := a.counts(t)
	require.Equal(t, 1, ledger, "nothing of the refused one")
}
