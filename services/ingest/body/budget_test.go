package body

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func TestBodyTakesFromTheBudget(t *testing.T) {
	t.Parallel()
	const size = 3 << 20
	text := bytes.Repeat([]byte("0a9s8d7f"), size/8)
	for encoding, wire := range map[string][]byte{"": text, "gzip": gzipped(t, text), "zstd": zstded(t, text)} {
		budget := NewBudget(16<<20, prometheus.NewRegistry())
		b, err := Open(bytes.NewReader(wire), int64(len(wire)), []string{encoding}, Limits{MaxBytes: size, MaxRatio: 1e6}, budget)
		require.NoError(t, err, encoding)
		_, err = io.Copy(io.Discard, b)
		require.NoError(t, err, encoding)
		require.GreaterOrEqual(t, budget.used.Load(), int64(size), encoding)
		require.LessOrEqual(t, budget.used.Load(), int64(3*size), encoding)
		b.Close()
		require.Zero(t, budget.used.Load(), encoding)
	}
}

func TestBodyFindsNoRoom(t *testing.T) {
	t.Parallel()
	budget := NewBudget(4<<20, prometheus.NewRegistry())
	limits := Limits{MaxBytes: 4 << 20, MaxRatio: 1e6}
	open := func(wire []byte, encoding string) (*Body, error) {
		b, err := Open(bytes.NewReader(wire), int64(len(wire)), []string{encoding}, limits, budget)
		if err == nil {
			_, err = io.Copy(io.Discard, b)
		}
		return b, err
	}
	const taken = 7 << 19 // all but an eighth
	require.True(t, budget.take(taken, true))
	second, err := open(make([]byte, 1<<20), "")
	require.ErrorIs(t, err, ErrOverloaded)
	n, err := second.Read(make([]byte, 100))
	require.Zero(t, n, "a reader that passed over the error gets nothing more")
	require.ErrorIs(t, err, ErrOverloaded)
	second.Close()
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
	third.Close()
	for length, room := range map[int64]bool{2: true, -1: false, 3 << 20: false} {
		b, err := Open(strings.NewReader("{}"), length, nil, limits, budget)
		require.NoError(t, err)
		_, err = io.ReadAll(b)
		require.Equal(t, room, err == nil, "a body of %d bytes: a large one is bulk from its first byte", length)
		b.Close()
	}
	budget.give(taken)
	require.Zero(t, budget.used.Load())
}
