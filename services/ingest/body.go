package ingest

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/platform/problem"
)

// errTooLarge is returned by a body that is longer than it may be.
var errTooLarge = errors.New("body is too large")

// body reads a request's body: decompressed, bounded, paid for from the budget
// and hashed on the way.
type body struct {
	wire     *counter  // what came over the network
	plain    io.Reader // decompressed
	closers  []func()
	budget   *budget
	paid     int64 // bytes taken from the budget
	bulk     bool  // finds no room in what is kept for small bodies
	read     int64
	err      error // of Read
	maxBytes int64
	maxRatio int64
	sum      hash.Hash // over all that is read; nil unless the digest is asked for
}

// ratioFloor is how much may come out of a tiny body before its ratio is looked
// at.
const ratioFloor = 1 << 20

// newBody opens the body of a request with the given length, negative when it is
// not known, and Content-Encoding headers. What is read of it counts against
// budget until close.
func newBody(r io.Reader, length int64, encodings []string, cfg Limits, budget *budget) (*body, error) {
	b := &body{
		wire:     &counter{r: r, max: cfg.MaxBodyBytes},
		budget:   budget,
		bulk:     length < 0 || length > smallBody,
		maxBytes: cfg.MaxBodyBytes,
		maxRatio: cfg.MaxRatio,
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
		if err := b.openZstd(); err != nil {
			b.close()
			return nil, err
		}
	default:
		return nil, problem.New(http.StatusUnsupportedMediaType, "unsupported-encoding", "Content-Encoding must be gzip, zstd or absent").
			WithHeader("Accept-Encoding", "gzip, zstd")
	}
	return b, nil
}

// maxWindow is the largest window every zstd decoder should support (RFC 8878).
const maxWindow = 8 << 20

// openZstd reads a zstd stream. Its decoder holds a window whose size the stream
// names, however short it is: that is paid for, and no later frame of the stream
// may have a larger one.
func (b *body) openZstd() error {
	wire := bufio.NewReader(b.wire)
	var head zstd.Header
	if start, err := wire.Peek(zstd.HeaderMaxSize); len(start) > 0 {
		if err := head.Decode(start); err != nil {
			return b.corrupt(err)
		}
	} else {
		return b.corrupt(err)
	}
	window := head.WindowSize
	if head.SingleSegment {
		window = head.FrameContentSize
	}
	window = max(window, smallBody)
	if window > maxWindow && !head.SingleSegment || window > uint64(b.maxBytes) {
		return errTooLarge
	}
	if !b.budget.take(int64(window), b.bulk || window > smallBody) {
		return errOverloaded
	}
	b.closers = append(b.closers, func() { b.budget.give(int64(window)) })
	z, err := zstd.NewReader(wire, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(b.maxBytes)), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return b.corrupt(err)
	}
	b.plain, b.closers = z, append(b.closers, z.Close)
	return nil
}

// Read fails for good with its first error, without the bytes that came with it:
// who reads in pieces may pass over an error that comes with data.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.plain.Read(p)
	if b.sum != nil {
		b.sum.Write(p[:n])
	}
	b.read += int64(n)
	switch {
	case b.read > b.maxBytes, b.read > ratioFloor && b.read > b.maxRatio*b.wire.n:
		b.err = errTooLarge
	case b.read > b.paid && !b.pay():
		b.err = errOverloaded
	case err == nil || err == io.EOF:
		return n, err
	default:
		b.err = b.corrupt(err)
	}
	return 0, b.err
}

// pay takes what was read from the budget, in steps: what a client says it will
// send costs nothing until it does.
func (b *body) pay() bool {
	step := min(b.read, maxStep) // small bodies exactly, large ones a step ahead
	if !b.budget.take(step, b.bulk || b.read > smallBody) {
		return false
	}
	b.paid += step
	return true
}

// close gives back what the body cost. What was decoded from it must not be held
// any longer.
func (b *body) close() {
	for _, c := range b.closers {
		c()
	}
	b.budget.give(b.paid)
	b.paid = 0
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

// hash makes digest possible. Call it before the first Read.
func (b *body) hash() { b.sum = sha256.New() }

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
