package gateway

import (
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
)

// Answers of these types are compressed from minCompressed bytes on, as by nginx. Streams
// of events are not: each must arrive at once. Nor are Parquet files, which already are.
var compressible = []string{
	"application/json", "application/problem+json", "application/x-ndjson", "text/csv", "text/html", "text/plain",
	"text/css", "text/javascript", "application/javascript", "image/svg+xml",
}

const minCompressed = 1 << 10

// encoder compresses to a writer that it is given by Reset.
type encoder interface {
	io.WriteCloser
	Flush() error
	Reset(io.Writer)
}

// Quality 4 and level 5 cost about as much time as it takes to write the JSON that they
// make ten times smaller; a window of 256 KiB bounds what an encoder holds.
var encoders = map[string]*sync.Pool{
	"br": {New: func() any {
		return brotli.NewWriterOptions(nil, brotli.WriterOptions{Quality: 4, LGWin: 18})
	}},
	"gzip": {New: func() any {
		w, _ := gzip.NewWriterLevel(nil, 5) // a level that there is
		return w
	}},
}

// compressed compresses what next answers, for clients that take it.
func compressed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &compressor{ResponseWriter: w, coding: codingOf(r.Header.Values("Accept-Encoding")), head: r.Method == http.MethodHead}
		next.ServeHTTP(c, r)
		c.finish() // not after a panic: the client must see that the answer is not whole
	})
}

// codingOf chooses the coding that a client likes best (RFC 9110, 12.5.3), of several the
// one that makes answers smallest. It is empty for none.
func codingOf(accept []string) (coding string) {
	weights := map[string]float64{}
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		name, parameters, _ := strings.Cut(part, ";")
		weight := 1.0
		if q, given := strings.CutPrefix(strings.ToLower(strings.TrimSpace(parameters)), "q="); given {
			weight, _ = strconv.ParseFloat(q, 64) // what cannot be read is taken for no
		}
		weights[strings.ToLower(strings.TrimSpace(name))] = weight
	}
	weightOf := func(name string, otherwise float64) float64 {
		if weight, given := weights[name]; given {
			return weight
		}
		if all, given := weights["*"]; given {
			return all
		}
		return otherwise
	}
	best := weights["identity"]
	for _, name := range []string{"br", "gzip"} {
		if weight := weightOf(name, 0); weight > 0 && (weight > best || coding == "" && weight == best) {
			coding, best = name, weight
		}
	}
	return coding
}

// compressor compresses an answer that is worth it. What is written waits until that is
// known.
type compressor struct {
	http.ResponseWriter
	coding string
	head   bool

	status  int // 0: not yet
	may     bool
	held    []byte
	encoder encoder
}

// Unwrap is for http.ResponseController.
func (c *compressor) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *compressor) WriteHeader(status int) {
	if status < http.StatusOK { // such as 100 Continue
		c.ResponseWriter.WriteHeader(status)
		return
	}
	if c.status != 0 {
		return
	}
	c.status = status
	h := c.Header()
	media, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	if !slices.Contains(compressible, media) || h.Get("Content-Encoding") != "" || status == http.StatusPartialContent {
		c.begin()
		return
	}
	if !varies(h) {
		h.Add("Vary", "Accept-Encoding")
	}
	length, err := strconv.Atoi(h.Get("Content-Length"))
	short := err == nil && length < minCompressed
	empty := c.head || status == http.StatusNoContent || status == http.StatusNotModified
	if c.may = c.coding != "" && !short && !empty; !c.may {
		c.begin()
	}
}

// varies says whether the answer says that it depends on Accept-Encoding.
func varies(h http.Header) bool {
	for name := range strings.SplitSeq(strings.Join(h.Values("Vary"), ","), ",") {
		if strings.EqualFold(strings.TrimSpace(name), "Accept-Encoding") {
			return true
		}
	}
	return false
}

// begin sends the header of an answer that is sent as it is.
func (c *compressor) begin() {
	c.may = false
	c.ResponseWriter.WriteHeader(c.status)
}

func (c *compressor) Write(p []byte) (int, error) {
	c.WriteHeader(http.StatusOK)
	switch {
	case c.encoder != nil:
		return c.encoder.Write(p)
	case !c.may:
		return c.ResponseWriter.Write(p)
	}
	if len(c.held)+len(p) < minCompressed {
		c.held = append(c.held, p...)
		return len(p), nil
	}
	h := c.Header()
	h.Del("Content-Length")
	h.Set("Content-Encoding", c.coding)
	if tag := h.Get("ETag"); strings.HasPrefix(tag, `"`) {
		h.Set("ETag", "W/"+tag) // the bytes are others
	}
	c.ResponseWriter.WriteHeader(c.status)
	c.encoder = encoders[c.coding].Get().(encoder)
	c.encoder.Reset(c.ResponseWriter)
	if _, err := c.encoder.Write(c.held); err != nil {
		return 0, err
	}
	c.held = nil
	return c.encoder.Write(p)
}

// FlushError is for http.ResponseController.
func (c *compressor) FlushError() error {
	c.WriteHeader(http.StatusOK)
	err := c.release()
	if err == nil && c.encoder != nil {
		err = c.encoder.Flush()
	}
	if err == nil {
		err = http.NewResponseController(c.ResponseWriter).Flush()
	}
	return err
}

// release sends what is too short to be compressed.
func (c *compressor) release() error {
	if !c.may || c.encoder != nil {
		return nil
	}
	c.begin()
	_, err := c.ResponseWriter.Write(c.held)
	c.held = nil
	return err
}

// finish ends an answer.
func (c *compressor) finish() {
	if c.status == 0 {
		return // net/http answers 200
	}
	_ = c.release() // the client may have gone
	if c.encoder == nil {
		return
	}
	_ = c.encoder.Close()
	c.encoder.Reset(nil) // it must not keep the answer's writer
	encoders[c.coding].Put(c.encoder)
}
