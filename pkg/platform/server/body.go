package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	// bodyPatience is how long a body may make no progress, and how long a slow one
	// may take beyond what the minimum rate allows.
	bodyPatience = 15 * time.Second
	// maxRequest bounds the time in which a request arrives.
	maxRequest = 5 * time.Minute

	// restBytes is how much of a body that nobody read may be read so that the
	// connection can be used again, if it arrives within restWait: small bodies are
	// mostly there already.
	restBytes = 256 << 10
	restWait  = 50 * time.Millisecond

	// lingerBytes, lingerTime and lingerPatience bound what is read and thrown away
	// after an early answer. Clients that read the answer only when they have sent
	// everything would find the connection broken instead.
	lingerBytes    = 64 << 20
	lingerTime     = 30 * time.Second
	lingerPatience = 5 * time.Second

	// maxEarlyAnswer is the longest answer that is held back until its length is
	// known. Refusals are shorter.
	maxEarlyAnswer = 64 << 10
)

// bodies lets requests have bodies that arrive at rate bytes a second at least, and
// answers early when the body is not wanted: the client gets the answer whole,
// with its length, while the rest of the body is read and thrown away, within
// bounds, until stopping ends.
type bodies struct {
	next     http.Handler
	rate     int64         // 0 for any
	patience time.Duration // bodyPatience
	stopping context.Context
}

func (h *bodies) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		h.next.ServeHTTP(w, r)
		return
	}
	control := http.NewResponseController(w)
	// Otherwise net/http itself reads up to 256 KiB of the body before it sends an
	// answer, however long that takes. Where it is not its response, it does not.
	_ = control.EnableFullDuplex()
	body := &pacedBody{
		ReadCloser: r.Body, control: control, rate: h.rate, patience: h.patience, until: time.Now().Add(maxRequest),
		asked: !strings.EqualFold(r.Header.Get("Expect"), "100-continue"), length: r.ContentLength,
	}
	own := r.WithContext(r.Context()) // a copy: net/http still needs its body
	own.Body = body
	answer := &earlyAnswer{ResponseWriter: w, body: body}
	h.next.ServeHTTP(answer, own)
	answer.WriteHeader(http.StatusOK) // unless there was another
	if !answer.early {
		return
	}
	body.readRest()
	answer.finish()
	if body.err == nil && body.asked {
		_ = control.Flush() // the client may have gone
		body.linger(h.stopping)
	}
}

// pacedBody is a request's body with a minimum rate.
type pacedBody struct {
	io.ReadCloser
	control  *http.ResponseController
	rate     int64
	patience time.Duration
	until    time.Time // when all of it must have arrived
	length   int64     // negative when it is not known
	asked    bool      // the client does not wait to be asked for it

	read   int64
	waited time.Duration
	err    error // of Read
}

func (b *pacedBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	patience := b.patience
	if b.rate > 0 {
		// A client that was fast has not earned a longer pause than others.
		allowed := b.patience + time.Duration(b.read)*time.Second/time.Duration(b.rate)
		patience = min(patience, allowed-b.waited)
	}
	b.asked = true
	n, err := b.readUntil(earliest(time.Now().Add(patience), b.until), p)
	if errors.Is(err, io.EOF) {
		// Or else net/http, which now waits for the client to hang up, would take the
		// deadline for that.
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// readUntil reads before the deadline. Not every writer knows deadlines: those of
// tests do not.
func (b *pacedBody) readUntil(deadline time.Time, p []byte) (int, error) {
	_ = b.control.SetReadDeadline(deadline)
	start := time.Now()
	n, err := b.ReadCloser.Read(p)
	b.waited += time.Since(start)
	b.read += int64(n)
	b.err = err
	return n, err
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// readRest reads what is left of a body if it is short and there.
func (b *pacedBody) readRest() {
	if b.err != nil || !b.asked || b.length < 0 || b.length-b.read > restBytes {
		return
	}
	b.throwAway(context.Background(), restBytes, restWait, restWait)
}

// linger reads what the client still sends.
func (b *pacedBody) linger(stopping context.Context) {
	b.throwAway(stopping, lingerBytes, lingerTime, lingerPatience)
	_ = b.control.SetReadDeadline(time.Unix(1, 0)) // nothing more: net/http would read on
}

// throwAway reads at most n bytes for at most the given time, and gives up when
// nothing arrives for patience.
func (b *pacedBody) throwAway(ctx context.Context, n int64, most, patience time.Duration) {
	buffer := make([]byte, 8<<10)
	end := time.Now().Add(most)
	for b.err == nil && n > 0 && ctx.Err() == nil {
		got, err := b.readUntil(earliest(time.Now().Add(patience), end), buffer)
		n -= int64(got)
		if errors.Is(err, io.EOF) {
			_ = b.control.SetReadDeadline(time.Time{})
		} else if errors.Is(err, os.ErrDeadlineExceeded) {
			b.err = nil // it may still come
			return
		}
	}
}

// earlyAnswer holds an answer back that is written before the body was read, until
// it is complete: its length goes into its header, so that the client knows its end
// while it is still sending.
type earlyAnswer struct {
	http.ResponseWriter
	body    *pacedBody
	begun   bool // the header is decided
	early   bool // held back
	status  int
	held    bytes.Buffer
	written bool // too long to be held back, or wanted at once
}

// Unwrap is for http.ResponseController.
func (a *earlyAnswer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// SetReadDeadline bounds the time until the body must have arrived, beside its rate.
func (a *earlyAnswer) SetReadDeadline(t time.Time) error {
	if t.IsZero() {
		t = time.Now().Add(maxRequest)
	}
	a.body.until = t
	return nil
}

func (a *earlyAnswer) WriteHeader(status int) {
	if status < http.StatusOK { // such as 100 Continue
		a.ResponseWriter.WriteHeader(status)
		return
	}
	if a.begun {
		return
	}
	a.begun, a.status = true, status
	switch {
	case errors.Is(a.body.err, io.EOF):
		a.ResponseWriter.WriteHeader(status)
	case a.body.err != nil: // the next request does not begin where the body broke off
		a.Header().Set("Connection", "close")
		a.ResponseWriter.WriteHeader(status)
	default:
		a.early = true
	}
}

func (a *earlyAnswer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if !a.early || a.written {
		return a.ResponseWriter.Write(p)
	}
	if a.held.Len()+len(p) > maxEarlyAnswer {
		if err := a.release(); err != nil {
			return 0, err
		}
		return a.ResponseWriter.Write(p)
	}
	return a.held.Write(p)
}

// FlushError is for http.ResponseController: a handler that streams an answer wants
// it sent.
func (a *earlyAnswer) FlushError() error {
	if a.early && !a.written {
		if err := a.release(); err != nil {
			return err
		}
	}
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// finish sends an answer that was held back.
func (a *earlyAnswer) finish() {
	if a.written {
		return
	}
	if a.status != http.StatusNoContent && a.status != http.StatusNotModified {
		a.Header().Set("Content-Length", strconv.Itoa(a.held.Len()))
	}
	_ = a.release() // the client may have gone
}

// release sends what was held back. The connection cannot be used again unless the
// whole body has been read.
func (a *earlyAnswer) release() error {
	a.written = true
	if !errors.Is(a.body.err, io.EOF) {
		a.Header().Set("Connection", "close")
	}
	a.ResponseWriter.WriteHeader(a.status)
	_, err := a.ResponseWriter.Write(a.held.Bytes())
	return err
}
