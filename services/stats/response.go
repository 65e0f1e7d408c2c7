package stats

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// response is an answer that is ready to be written.
type response struct {
	status      int
	contentType string
	fileName    string // if it is to be kept in a file
	tag         string
	body        []byte                // of a short one
	stream      func(io.Writer) error // of a long one, instead of body
	patience    patience
	slow        prometheus.Counter // counts clients that did not take it
	release     func()             // gives back what it holds; call it once
}

// encode makes a response of an answer. One that fits into a piece is made at once,
// another while it is sent: its rows are held, but not a second time as text.
func (r *response) encode(f format, a answer) error {
	r.contentType = f.contentType + f.parameters
	if longest(a.rows) > pieceBytes {
		if err := f.check(a); err != nil {
			return err
		}
		r.stream = func(w io.Writer) error { return f.encode(w, a) }
		return nil
	}
	var b bytes.Buffer
	if err := f.encode(&b, a); err != nil {
		return fmt.Errorf("writing the answer: %w", err)
	}
	r.body = b.Bytes()
	return nil
}

// unchunked is up to which length net/http would say it by itself, were the answer not
// flushed.
const unchunked = 2048

// write answers the request.
func (r *response) write(ctx huma.Context) {
	defer r.release()
	if r.contentType != "" {
		ctx.SetHeader("Content-Type", r.contentType)
	}
	if r.fileName != "" { // of letters, digits, - and _
		ctx.SetHeader("Content-Disposition", `attachment; filename="`+r.fileName+`"`)
	}
	if r.tag != "" {
		ctx.SetHeader("ETag", r.tag)
	}
	ctx.SetHeader("Cache-Control", "private, no-cache")
	ctx.AppendHeader("Vary", "Authorization, X-API-Key, Accept, X-Project, Accept-Encoding")
	if r.stream == nil && len(r.body) <= unchunked && r.status != http.StatusNotModified {
		ctx.SetHeader("Content-Length", strconv.Itoa(len(r.body)))
	}
	ctx.SetStatus(r.status)
	to, ok := ctx.BodyWriter().(http.ResponseWriter)
	if !ok || r.status == http.StatusNotModified {
		return
	}
	w := &patient{patience: r.patience, w: to, control: http.NewResponseController(to)}
	var err error
	if r.stream != nil {
		err = r.stream(w)
	} else {
		_, err = w.Write(r.body)
	}
	switch {
	case w.failed: // the client has gone, or was too slow
		r.slow.Inc()
	case err != nil: // it must see that the answer is not whole
		panic(http.ErrAbortHandler)
	default:
		w.finish()
	}
}

// patience is how slow a client may be: its answer's rows are held until it has taken
// them, and 40 slow readers held 3.4 GB.
type patience struct {
	grace time.Duration // in which it need not take anything
	rate  int64         // bytes a second, on average, that it must take after that
}

// readRate is half a megabit a second: slow, but a client on a bad line gets there.
const readRate = 64 << 10

// patient writes to a client that may be slow, but not for too long.
type patient struct {
	patience
	w       io.Writer
	control *http.ResponseController
	began   time.Time // of the first piece: what the service takes to make it is not the client's
	sent    int64
	failed  bool
}

func (p *patient) Write(b []byte) (int, error) {
	if p.sent += int64(len(b)); p.began.IsZero() {
		p.began = time.Now()
	}
	_ = p.control.SetWriteDeadline(p.began.Add(p.grace + time.Duration(p.sent)*time.Second/time.Duration(p.rate)))
	n, err := p.w.Write(b)
	p.failed = err != nil
	return n, err //nolint:wrapcheck // for the encoder, which passes it back
}

// finish sends what is left under the deadline, which would otherwise be that of the
// next answer on the connection.
func (p *patient) finish() {
	_ = p.control.Flush()
	_ = p.control.SetWriteDeadline(time.Time{})
}
