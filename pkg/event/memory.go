package event

import (
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxEventBytes bounds an event as sent. No valid one comes close. Without it, a
// single value could be as long as the body, or have millions of member names, all
// held in memory at once.
const maxEventBytes = 1 << 20

// bounded is the body as read by the JSON decoder: it ends with ErrEventTooLarge if
// the decoder keeps reading without finding the end of a value.
type bounded struct {
	r    io.Reader
	json *jsontext.Decoder
	base int64 // of json's offsets in the body
	read int64
	err  error // that ended it, from r or the bound, except io.EOF
}

// offset is where in the body the decoder is.
func (b *bounded) offset() int64 { return b.base + b.json.InputOffset() }

func (b *bounded) Read(p []byte) (int, error) {
	room := maxEventBytes - (b.read - b.offset())
	if room <= 0 {
		b.err = ErrEventTooLarge
		return 0, b.err
	}
	n, err := b.r.Read(p[:min(int64(len(p)), room)])
	b.read += int64(n)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// texts allocates strings from shared blocks of memory: one allocation for many
// events.
type texts struct{ block strings.Builder }

const (
	firstBlock = 256 // for a request with a single event
	maxBlock   = 256 << 10
)

// add returns the string of a followed by b.
func (t *texts) add(a, b []byte) string {
	n := len(a) + len(b)
	if t.block.Cap()-t.block.Len() < n {
		size := max(n, firstBlock, min(2*t.block.Cap(), maxBlock))
		t.block.Reset() // its strings keep the memory alive
		t.block.Grow(size)
	}
	start := t.block.Len()
	t.block.Write(a)
	t.block.Write(b)
	return t.block.String()[start:]
}
