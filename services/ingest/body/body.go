// Package body reads the bodies of requests, of whatever protocol: decompressed,
// bounded, hashed on the way, and counted against a budget that all bodies in
// flight share. It knows nothing of what is in them.
package body

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// Errors of Open and Body.Read.
var (
	// ErrEncoding is returned for a Content-Encoding other than gzip (or x-gzip), zstd
	// and identity, and for more than one.
	ErrEncoding = errors.New("unsupported Content-Encoding")
	// ErrTooLarge is returned by a body that is longer than it may be, compressed
	// or decompressed.
	ErrTooLarge = errors.New("body is too large")
)

// CorruptError is returned by a body that is not what its Content-Encoding says.
// Sending it again will not help.
type CorruptError struct{ Err error }

func (e *CorruptError) Error() string {
	return "the body is not what its Content-Encoding says: " + e.Err.Error()
}

func (e *CorruptError) Unwrap() error { return e.Err }

// Limits of a body.
type Limits struct {
	MaxBytes int64 // compressed, and decompressed
	MaxRatio int64 // decompressed bytes for each compressed one
	// Any lets bodies also have the encodings deflate and br, and gzip without saying so.
	Any bool
	// Wait is asked when there is no room for the body: it returns true after a moment,
	// to try again, or false. Nil for no.
	Wait func() bool
}

// Body is an open body. Close it when nothing that was decoded from it is held
// any more.
type Body struct {
	wire    *counter  // what came over the network
	plain   io.Reader // decompressed
	closers []func()
	budget  *Budget
	holder  Holder
	paid    int64 // bytes taken from the budget for what was read
	extra   int64 // and for what comes with it
	held    int64 // of extra, for the events that were made of it
	bulk    bool  // may not use what is kept for small bodies
	read    int64
	err     error // of Read
	limits  Limits
	sum     hash.Hash // over all that is read; nil unless the digest is asked for
}

// ratioFloor is how many bytes may come out of a tiny body before its ratio is
// checked.
const ratioFloor = 1 << 20

// Open opens a body of the given length in bytes, negative when it is not known,
// with the given values of Content-Encoding. What it costs counts against the budget,
// and holder's share of it, until it is closed. Its errors are those of Body.Read,
// and ErrEncoding.
func Open(r io.Reader, length int64, encodings []string, limits Limits, budget *Budget, holder Holder) (*Body, error) {
	b := &Body{
		wire:   &counter{r: r, max: limits.MaxBytes},
		budget: budget,
		holder: holder,
		bulk:   length < 0 || length > smallBody,
		limits: limits,
	}
	if err := b.open(encodings); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

func (b *Body) open(encodings []string) error {
	if err := b.spend(baseCost, b.bulk); err != nil {
		return err
	}
	switch encoding := strings.ToLower(strings.Join(encodings, ",")); {
	case encoding == "" || encoding == "identity":
		if b.limits.Any {
			return b.openUnsaid()
		}
		b.plain = b.wire
	case encoding == "gzip" || encoding == "x-gzip": // RFC 9110, 8.4.1.3: the same
		return b.openGzip(b.wire)
	case encoding == "zstd":
		return b.openZstd()
	case encoding == "br" && b.limits.Any:
		b.plain = brotli.NewReader(b.wire)
	case encoding == "deflate" && b.limits.Any:
		return b.openDeflate()
	default:
		return ErrEncoding
	}
	return nil
}

func (b *Body) openGzip(r io.Reader) error {
	z, err := gzip.NewReader(r)
	if err != nil {
		return b.corrupt(err)
	}
	b.plain = z
	return nil
}

// openUnsaid sees gzip by its first two bytes: some clients do not say so.
func (b *Body) openUnsaid() error {
	wire := bufio.NewReaderSize(b.wire, 16) // what is behind it is read past this buffer
	if start, _ := wire.Peek(2); string(start) == "\x1f\x8b" {
		return b.openGzip(bufio.NewReader(wire))
	}
	b.plain = wire
	return nil
}

// openDeflate reads deflate in the zlib format, as RFC 9110 has it, or without, as many
// send it.
func (b *Body) openDeflate() error {
	wire := bufio.NewReader(b.wire)
	start, _ := wire.Peek(2)
	if len(start) == 2 && start[0]&0x0f == 8 && (int(start[0])<<8|int(start[1]))%31 == 0 {
		z, err := zlib.NewReader(wire)
		if err != nil {
			return b.corrupt(err)
		}
		b.plain = z
		return nil
	}
	b.plain = flate.NewReader(wire)
	return nil
}

// maxWindow is the largest window every zstd decoder should support (RFC 8878).
const maxWindow = 8 << 20

// openZstd reads a zstd stream. Its decoder holds a window whose size the stream
// names, however short it is: the window counts against the budget, and no later
// frame of the stream may have a larger one.
func (b *Body) openZstd() error {
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
	if window > maxWindow && !head.SingleSegment || window > uint64(b.limits.MaxBytes) {
		return ErrTooLarge
	}
	if err := b.spend(int64(window), b.bulk || window > smallBody); err != nil {
		return err
	}
	z, err := zstd.NewReader(wire, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(b.limits.MaxBytes)), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return b.corrupt(err)
	}
	b.plain, b.closers = z, append(b.closers, z.Close)
	return nil
}

// Read returns ErrTooLarge, ErrOverloaded, ErrOwnShare, a *CorruptError, or the error of the
// reader below. The first error is sticky and returned without data: callers such
// as io.ReadFull drop an error that arrives together with bytes.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.plain.Read(p)
	if b.sum != nil {
		b.sum.Write(p[:n])
	}
	b.read += int64(n)
	switch {
	case b.read > b.limits.MaxBytes, b.read > ratioFloor && b.read > b.limits.MaxRatio*b.wire.n:
		b.err = ErrTooLarge
	case err != nil && err != io.EOF:
		b.err = b.corrupt(err)
	case b.read > b.paid:
		b.err = b.pay()
	}
	if b.err != nil {
		return 0, b.err
	}
	return n, err
}

// pay takes what was read from the budget, in steps: what a client says it will
// send costs nothing until it does.
func (b *Body) pay() error {
	step := max(min(b.read, maxStep), b.read-b.paid) // small bodies exactly, large ones a step ahead, however much came at once
	if err := b.take(step, b.bulk || b.read > smallBody); err != nil {
		return err
	}
	b.paid += step
	return nil
}

// spend takes from the budget what the body costs beyond what is read of it.
func (b *Body) spend(n int64, bulk bool) error {
	if err := b.take(n, bulk); err != nil {
		return err
	}
	b.extra += n
	return nil
}

// take takes n bytes from the budget, when there is room or once there is.
func (b *Body) take(n int64, bulk bool) error {
	for {
		err := b.budget.take(b.holder, n, bulk)
		if err == nil || b.limits.Wait == nil || !b.limits.Wait() {
			return err
		}
	}
}

// Holds counts the events that were decoded from the body so far: many short ones cost
// more than its length. So may bytes, what they have in all. It returns ErrOverloaded or
// ErrOwnShare when there is no room for them. Those that were counted before cost nothing
// again.
func (b *Body) Holds(events int, bytes int64) error {
	more := max(int64(events)*eventCost, bytes) - b.paid - b.held
	if more <= 0 {
		return nil
	}
	if err := b.spend(more, b.bulk || b.held+more > smallBody); err != nil {
		return err
	}
	b.held += more
	return nil
}

// Move lets the body, and all that is read of it from now on, count for another holder. It
// returns ErrOverloaded or ErrOwnShare, and moves nothing, when that one's share has no
// room for it.
func (b *Body) Move(to Holder) error {
	if b.holder == to {
		return nil
	}
	if err := b.budget.move(b.holder, to, b.paid+b.extra, b.bulk || b.read > smallBody); err != nil {
		return err
	}
	b.holder = to
	return nil
}

// Close returns to the budget what the body took from it.
func (b *Body) Close() {
	for _, c := range b.closers {
		c()
	}
	b.budget.give(b.holder, b.paid+b.extra)
	b.closers, b.paid, b.extra, b.held = nil, 0, 0, 0
}

// corrupt tells a broken encoding from a broken connection.
func (b *Body) corrupt(err error) error {
	switch {
	case b.wire.err != nil:
		return b.wire.err
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return ErrTooLarge
	}
	return &CorruptError{err}
}

// Hash makes Digest possible. Call it before the first Read.
func (b *Body) Hash() { b.sum = sha256.New() }

// Digest reads what is left and returns the SHA-256 of the whole decompressed
// body.
func (b *Body) Digest() ([]byte, error) {
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
		err = ErrTooLarge
	}
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}
