package source

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"eventanalytics/cmd/import_events/reject"
)

// ndjson has one event per line, which is sent unchanged.
type ndjson struct {
	*text
	line int64
	rest []byte // of the line, after its first event
}

// maxLine is far above what the API accepts as one event.
const maxLine = 1 << 20

func (s *ndjson) Skip(n int64) error { return Skip(s, n) }

func (s *ndjson) Next() (Record, error) {
	for len(s.rest) == 0 {
		line, tooLong, err := s.readLine()
		if err != nil {
			return Record{}, err
		}
		s.line++
		line = bytes.TrimRight(line, "\r\n")
		if tooLong {
			return Record{Line: s.line, Text: line, Fault: &reject.Fault{
				Code: "too-large", Reason: fmt.Sprintf("a line may be at most %d MiB", maxLine>>20),
			}}, nil
		}
		if len(bytes.TrimSpace(line)) > 0 {
			s.rest = line
		}
	}
	r := Record{Line: s.line, Text: s.rest}
	s.rest = nil
	// The API takes more than one event per line.
	if n := firstValue(r.Text); n < len(r.Text) {
		r.Text, s.rest = r.Text[:n], r.Text[n:]
	}
	r.JSON = r.Text // whether it is that is for event.Decode to say
	return r, nil
}

// firstValue returns where the first JSON value of a line ends, or the length of
// the line if nothing, or no JSON, comes after it.
func firstValue(line []byte) int {
	d := jsontext.NewDecoder(bytes.NewReader(line), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if d.SkipValue() != nil {
		return len(line)
	}
	end := int(d.InputOffset())
	if len(bytes.TrimSpace(line[end:])) == 0 {
		return len(line)
	}
	return end
}

// readLine reads a line of any length and returns what fits.
func (s *ndjson) readLine() (line []byte, tooLong bool, err error) {
	for {
		part, err := s.plain.ReadSlice('\n')
		if n := maxLine - len(line); len(part) > n {
			part, tooLong = part[:n], true
		}
		line = append(line, part...)
		switch {
		case err == nil, errors.Is(err, io.EOF) && len(line) > 0:
			return line, tooLong, nil
		case errors.Is(err, io.EOF):
			return nil, false, io.EOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, false, fmt.Errorf("reading the file: %w", err)
		}
	}
}
