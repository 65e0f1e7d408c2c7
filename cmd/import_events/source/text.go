package source

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// text is a text file, decompressed.
type text struct {
	file   *os.File
	size   int64
	read   int64
	plain  *bufio.Reader
	finish func()
}

// bufferBytes is also the longest header that can be looked at before it is read.
const bufferBytes = 256 << 10

// magic numbers of compressed files.
var magic = map[string]string{".gz": "\x1f\x8b", ".zst": "\x28\xb5\x2f\xfd"}

// openText decompresses as the name says, or else as the first bytes do: those of a name
// that says nothing, or of the standard input.
func openText(f *os.File, size int64, compression string) (*text, error) {
	t := &text{file: f, size: size, finish: func() {}}
	raw := bufio.NewReaderSize(counted{t}, bufferBytes)
	if compression == "" {
		head, _ := raw.Peek(4)
		for extension, number := range magic {
			if strings.HasPrefix(string(head), number) {
				compression = extension
			}
		}
	}
	var plain io.Reader = raw
	switch compression {
	case ".gz":
		z, err := gzip.NewReader(raw)
		if err != nil {
			return nil, fmt.Errorf("decompressing: %w", err)
		}
		plain = z
	case ".zst":
		z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, fmt.Errorf("decompressing: %w", err)
		}
		plain, t.finish = z, z.Close
	}
	t.plain = raw
	if compression != "" {
		t.plain = bufio.NewReaderSize(plain, bufferBytes)
	}
	return t, t.skipMark()
}

// skipMark skips the byte order mark that some programs start UTF-8 files with, and
// refuses that of UTF-16.
func (t *text) skipMark() error {
	const mark = "\ufeff"
	head, _ := t.plain.Peek(len(mark))
	switch {
	case string(head) == mark:
		_, _ = t.plain.Discard(len(mark)) // they are in the buffer
	case strings.HasPrefix(string(head), "\xff\xfe"), strings.HasPrefix(string(head), "\xfe\xff"):
		return fmt.Errorf("%w: it is UTF-16; save it as UTF-8", ErrFormat)
	}
	return nil
}

func (t *text) Progress() (done, of int64) { return t.read, t.size }

func (t *text) Unit() string { return "bytes" }

func (t *text) Close() error {
	t.finish()
	if t.file == os.Stdin {
		return nil
	}
	return t.file.Close()
}

// counted reads the file and counts the bytes.
type counted struct{ *text }

func (c counted) Read(p []byte) (int, error) {
	n, err := c.file.Read(p)
	c.read += int64(n)
	return n, err
}
