package event

import (
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxEventBytes bounds an event as sent. No valid one comes near it. Without it,
// the decoder would hold a value as long as the whole body, or the names of an
// object's millions of members.
const maxEventBytes = 1 << 20

// bounded is the body on its way to json: it fails with ErrEventTooLarge when json
// has read maxEventBytes without finding the end of a value.
type bounded struct {
	r    io.Reader
	json *jsontext.Decoder
	read int64
	err  error // of r or the bound; never io.EOF
}

func (b *bounded) Read(p []byte) (int, error) {
	room := maxEventBytes - (b.read - b.json.InputOffset())
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

// texts makes strings that share blocks of memory: one allocation for many
// events.
type texts struct{ block strings.Builder }

const (
	firstBlock = 256 // of a request with a single event
	maxBlock   = 256 << 10
)

// add returns the string of a followed by b.
func (t *texts) add(a, b []byte) string {
	n := len(a) + len(b)
	if t.block.Cap()-t.block.Len() < n {
		size := max(n, firstBlock, min(2*t.block.Cap(), maxBlock))
		t.block.Reset() // the strings made of it keep it
		t.block.Grow(size)
	}
	start := t.block.Len()
	t.block.Write(a)
	t.block.Write(b)
	return t.block.String()[start:]
}
