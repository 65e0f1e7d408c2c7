package ingest

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/problem"
)

// errTooLarge is returned by a body that is longer than it may be.
var errTooLarge = errors.New("body is too large")

// body reads a request's body: decompressed, bounded and hashed on the way.
type body struct {
	wire     *counter  // what came over the network
	plain    io.Reader // decompressed
	close    func()
	read     int64
	maxBytes int64
	maxRatio int64
	sum      hash.Hash
}

// ratioFloor is how much may come out of a tiny body before its ratio is looked
// at.
const ratioFloor = 1 << 20

// newBody opens the body of a request with the given Content-Encoding headers.
func newBody(r io.Reader, encodings []string, cfg Limits) (*body, error) {
	b := &body{
		wire:     &counter{r: r, max: cfg.MaxBodyBytes},
		close:    func() {},
		maxBytes: cfg.MaxBodyBytes,
		maxRatio: cfg.MaxRatio,
		sum:      sha256.New(),
	}
	switch encoding := strings.ToLower(strings.Join(encodings, ",")); encoding {
	case "", "identity":
		b.plain = b.wire
	case "gzip":
		z, err := gzip.NewReader(b.wire)
		if err != nil {
			return nil, b.corrupt(err)
		}
		b.plain = z
	case "zstd":
		z, err := zstd.NewReader(b.wire, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(cfg.MaxBodyBytes)))
		if err != nil {
			return nil, b.corrupt(err)
		}
		b.plain, b.close = z, z.Close
	default:
		return nil, problem.New(http.StatusUnsupportedMediaType, "unsupported-encoding", "Content-Encoding must be gzip, zstd or absent").
			WithHeader("Accept-Encoding", "gzip, zstd")
	}
	return b, nil
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.plain.Read(p)
	b.sum.Write(p[:n])
	b.read += int64(n)
	switch {
	case b.read > b.maxBytes, b.read > ratioFloor && b.read > b.maxRatio*b.wire.n:
		return n, errTooLarge
	case err == nil || err == io.EOF:
		return n, err
	}
	return n, b.corrupt(err)
}

// corrupt tells a broken encoding from a broken connection.
func (b *body) corrupt(err error) error {
	switch {
	case b.wire.err != nil:
		return b.wire.err
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return errTooLarge
	}
	return &event.RequestError{Code: "malformed-encoding", Message: "the body is not what its Content-Encoding says: " + err.Error(), Malformed: true}
}

// digest reads what is left and returns the SHA-256 over the whole body.
func (b *body) digest() ([]byte, error) {
	if _, err := io.Copy(io.Discard, b); err != nil {
		return nil, err
	}
	return b.sum.Sum(nil), nil
}

// counter counts and bounds what is read, and keeps the reader's own error.
type counter struct {
	r      io.Reader
	n, max int64
	err    error
}

func (c *counter) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.n > c.max {
		err = errTooLarge
	}
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}
