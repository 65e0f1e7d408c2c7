package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Compression of uploads.
type Compression string

// The ways to compress uploads; zstd costs the least time.
const (
	None Compression = "none"
	Gzip Compression = "gzip"
	Zstd Compression = "zstd"
)

// Upload is a request with events.
type Upload struct {
	// Body is JSON: one event, an array of events or {"events": […]}; or, with
	// NDJSON, one event a line. It is compressed on its way.
	Body   []byte
	NDJSON bool
	// Atomic stores either all of the events or none. By default those that are
	// valid are stored.
	Atomic bool
	// IdempotencyKey, of up to 200 characters, makes the service answer every
	// repetition of the upload as it answered the first, for 24 hours. Events are
	// stored once in any case.
	IdempotencyKey string
}

// Receipt says what became of an upload.
type Receipt struct {
	Message    string       `json:"message"`
	Events     int          `json:"obj_count"` // in the upload
	Accepted   int          `json:"accepted"`  // of them, new and stored
	Duplicates int          `json:"duplicates"`
	Rejected   int          `json:"rejected"`
	Errors     []FieldError `json:"errors"`         // at most 100, in the order of the events
	Omitted    int          `json:"errors_omitted"` // how many more there are
	// Position to pass as a question's MinPosition, whose answer then counts these
	// events.
	Position string `json:"position"`
	// Replayed says that the service answered as it had answered an earlier upload
	// with the same IdempotencyKey.
	Replayed bool `json:"-"`
}

// PostEvents uploads events. The events of a *Problem's Fields, and no others,
// are to blame when its status is 409 or 422; none of the upload is stored then. A
// 400 names the event in which the body stopped being JSON: sending it again will
// not help.
func (c *Client) PostEvents(ctx context.Context, u Upload) (*Receipt, error) {
	x := call{method: http.MethodPost, path: "/api/events", want: http.StatusAccepted, header: http.Header{"Content-Type": {"application/json"}}}
	if u.NDJSON {
		x.header.Set("Content-Type", "application/x-ndjson")
	}
	if u.Atomic {
		x.path += "?atomic=true"
	}
	if u.IdempotencyKey != "" {
		x.header.Set("Idempotency-Key", u.IdempotencyKey)
	}
	var err error
	if x.body, err = c.compress(u.Body); err != nil {
		return nil, err
	}
	if compression := c.cfg.Compression; compression != None {
		x.header.Set("Content-Encoding", string(compression))
	}
	r, err := c.call(ctx, x)
	if err != nil {
		return nil, err
	}
	receipt, err := read[Receipt](r, nil)
	if err != nil {
		return nil, err
	}
	receipt.Replayed = r.Header.Get("Idempotency-Replayed") == "true"
	return receipt, nil
}

func (c *Client) prepareCompression() (err error) {
	switch c.cfg.Compression {
	case "", None:
		c.cfg.Compression = None
	case Gzip:
	case Zstd:
		c.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithEncoderConcurrency(min(c.cfg.Connections, runtime.GOMAXPROCS(0))))
		if err != nil {
			return fmt.Errorf("setting up compression: %w", err)
		}
	default:
		return fmt.Errorf("compression %q is none of none, gzip and zstd", c.cfg.Compression)
	}
	return nil
}

func (c *Client) compress(body []byte) ([]byte, error) {
	switch c.cfg.Compression {
	case Zstd:
		return c.zstd.EncodeAll(body, nil), nil
	case Gzip:
		z, ok := c.gzip.Get().(*gzip.Writer)
		if !ok {
			z, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
		}
		defer c.gzip.Put(z)
		var packed bytes.Buffer
		z.Reset(&packed)
		_, err := z.Write(body)
		if err = errors.Join(err, z.Close()); err != nil {
			return nil, fmt.Errorf("compressing: %w", err)
		}
		return packed.Bytes(), nil
	}
	return body, nil
}
