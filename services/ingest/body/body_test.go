package body

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

var limits = Limits{MaxBytes: 4 << 20, MaxRatio: 50}

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func zstded(t *testing.T, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	return w.EncodeAll(data, nil)
}

func TestBodyDecompresses(t *testing.T) {
	t.Parallel()
	text := []byte("some text that is not compressible very much: 0a9s8d7f0a9s8d7f")
	for encoding, wire := range map[string][]byte{
		"": text, "identity": text, "gzip": gzipped(t, text), "GZIP": gzipped(t, text), "x-gzip": gzipped(t, text), "zstd": zstded(t, text),
	} {
		b, err := Open(bytes.NewReader(wire), int64(len(wire)), []string{encoding}, limits, NewBudget(1<<30, prometheus.NewRegistry()), Holder{Project: 1})
		require.NoError(t, err)
		defer b.Close()
		b.Hash()
		got := make([]byte, 10)
		_, err = io.ReadFull(b, got)
		require.NoError(t, err)
		require.Equal(t, text[:10], got)
		sum, err := b.Digest()
		require.NoError(t, err)
		want := sha256.Sum256(text)
		require.Equal(t, want[:], sum, "over the whole decompressed body, whatever was read: %s", encoding)
	}
}

func TestBodyRefuses(t *testing.T) {
	t.Parallel()
	zeros := make([]byte, 64<<20)
	text := gzipped(t, []byte(strings.Repeat("0123456789", 100)))
	broken := errors.New("connection reset")
	for name, tc := range map[string]struct {
		encodings []string
		wire      io.Reader
		too       bool // large
		corrupt   bool
		err       error
	}{
		"too long":       {wire: bytes.NewReader(make([]byte, limits.MaxBytes+1)), too: true},
		"gzip bomb":      {encodings: []string{"gzip"}, wire: bytes.NewReader(gzipped(t, zeros)), too: true},
		"zstd bomb":      {encodings: []string{"zstd"}, wire: bytes.NewReader(zstded(t, zeros)), too: true},
		"truncated gzip": {encodings: []string{"gzip"}, wire: bytes.NewReader(text[:len(text)-9]), corrupt: true},
		"no checksum":    {encodings: []string{"gzip"}, wire: bytes.NewReader(text[:len(text)-4]), corrupt: true},
		"gzip garbage":   {encodings: []string{"gzip"}, wire: strings.NewReader("garbage that is long enough"), corrupt: true},
		"zstd garbage":   {encodings: []string{"zstd"}, wire: strings.NewReader("garbage that is long enough"), corrupt: true},
		"brotli":         {encodings: []string{"br"}, wire: strings.NewReader(""), err: ErrEncoding},
		"gzip, gzip":     {encodings: []string{"gzip, gzip"}, wire: bytes.NewReader(text), err: ErrEncoding},
		"two headers":    {encodings: []string{"gzip", "gzip"}, wire: bytes.NewReader(text), err: ErrEncoding},
		"lost":           {encodings: []string{"gzip"}, wire: io.MultiReader(bytes.NewReader(text[:20]), failing{broken}), err: broken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := Open(tc.wire, -1, tc.encodings, limits, NewBudget(1<<30, prometheus.NewRegistry()), Holder{Project: 1})
			if err == nil {
				defer b.Close()
				_, err = io.Copy(io.Discard, b)
			}
			require.Error(t, err)
			require.Equal(t, tc.too, errors.Is(err, ErrTooLarge), err)
			var corrupt *CorruptError
			require.Equal(t, tc.corrupt, errors.As(err, &corrupt), err)
			if tc.err != nil {
				require.ErrorIs(t, err, tc.err)
			}
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
