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
}

// maxLine is far above what the API accepts as one event.
const maxLine = 1 << 20

func (s *ndjson) Skip(n int64) error { return skip(s, n) }

func (s *ndjson) Next() (Record, error) {
	for {
		line, tooLong, err := s.readLine()
		if err != nil {
			return Record{}, err
		}
		s.line++
		if line = bytes.TrimRight(line, "\r\n"); len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		r := Record{Line: s.line, Text: line}
		if tooLong {
			r.Fault = &reject.Fault{Code: "too-large", Reason: fmt.Sprintf("a line may be at most %d MiB", maxLine>>20)}
		} else if r.Fault = checkJSON(jsontext.Value(line)); r.Fault == nil {
			r.Event = line
		}
		return r, nil
	}
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
