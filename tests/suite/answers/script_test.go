package answers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A script is a file of testdata: a comment, then requests, each with the answer
// that was recorded.
//
//	=== a title
//	keep access_token as ann
//	POST /api/auth/token
//	Content-Type: application/json
//
//	{"username": "ann", "password": "seven green lamps"}
//	--- 200
//	Content-Type: application/json
//
//	{"access_token":"<secret>"}
//
// These lines may precede the request line:
//
//	keep MEMBER as NAME   keeps a member or header of the answer as ${NAME}
//	head only             records no body
//
// In the request, ${NAME} is what was kept, and ${now} and ${today} are the time
// and the date in UTC. $(text*3) is the text three times, with #### in it replaced
// by 0000, 0001 and so on; it may be nested. A body may begin with a line that says
// how it is made of the rest: @gzip, @zstd, @quoted (a Go string, for bytes that
// are not text) or @sample (the events of tests/harness/sample).
//
// All of the answer is recorded, except for what differs each time, which
// normal_test.go replaces by names in angle brackets, and the usual headers.
type script struct {
	name     string
	comment  string
	requests []*request
}

// request is one entry of a script.
type request struct {
	title   string
	text    string // as it is written, between the title and the answer
	answer  string // as recorded, empty when there is none yet
	heading int    // line of the title in the file
}

const (
	titleMark  = "=== "
	answerMark = "--- "
)

func scriptPath(name string) string { return filepath.Join("testdata", name+".golden.txt") }

func readScript(name string) (*script, error) {
	content, err := os.ReadFile(scriptPath(name))
	if err != nil {
		return nil, fmt.Errorf("reading a script: %w", err)
	}
	s := &script{name: name}
	part := &s.comment // what the line at hand belongs to
	for i, line := range strings.SplitAfter(string(content), "\n") {
		if title, ok := strings.CutPrefix(line, titleMark); ok {
			r := &request{title: strings.TrimSpace(title), heading: i + 1}
			s.requests = append(s.requests, r)
			part = &r.text
			continue
		}
		if strings.HasPrefix(line, answerMark) {
			part = &s.requests[len(s.requests)-1].answer
		}
		*part += line
	}
	for _, r := range s.requests {
		r.text = strings.TrimRight(r.text, "\n")
		r.answer = strings.TrimSuffix(r.answer, "\n") // the empty line before the next title
	}
	return s, nil
}

func (s *script) write() error {
	var b strings.Builder
	b.WriteString(s.comment)
	for i, r := range s.requests {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s%s\n%s\n%s", titleMark, r.title, r.text, r.answer)
	}
	b.WriteByte('\n') // as readScript takes one from each answer
	if err := os.WriteFile(scriptPath(s.name), []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("writing a script: %w", err)
	}
	return nil
}
