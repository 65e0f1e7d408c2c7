package answers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"eventanalytics/tests/harness/sample"
)

// client sends the requests of scripts, one after the other, and remembers what
// they keep.
type client struct {
	base string // URL of the gateway
	kept map[string]string
}

// transport neither follows redirects nor asks for compressed answers.
var transport = &http.Transport{DisableCompression: true}

// sent is a request as it went out, and what came back.
type sent struct {
	method, path string // path without the query
	headOnly     bool
	status       int
	header       http.Header
	body         []byte
}

func (c *client) send(ctx context.Context, text string) (*sent, error) {
	directives, head, body, err := parse(text)
	if err != nil {
		return nil, err
	}
	method, target, _ := strings.Cut(c.expand(head[0]), " ")
	content, err := makeBody(c.expand(body))
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base, bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	r.URL.Opaque = target // as it is written, whatever is in it
	for _, line := range head[1:] {
		name, value, _ := strings.Cut(c.expand(line), ":")
		r.Header.Add(name, strings.TrimSpace(value))
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("sending a request: %w", err)
	}
	defer response.Body.Close()
	s := &sent{method: method, status: response.StatusCode, header: response.Header}
	s.path, _, _ = strings.Cut(target, "?")
	if s.body, err = io.ReadAll(response.Body); err != nil {
		return nil, fmt.Errorf("reading an answer: %w", err)
	}
	if s.status == http.StatusRequestEntityTooLarge {
		// nginx closes a connection on which more of the body was still to come, whatever
		// the answer's headers said.
		transport.CloseIdleConnections()
	}
	for _, d := range directives {
		if err := c.obey(d, s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// parse takes the text of a request apart. head is the request line and the
// headers.
func parse(text string) (directives, head []string, body string, err error) {
	top, body, _ := strings.Cut(text, "\n\n")
	head = strings.Split(top, "\n")
	for len(head) > 0 && (strings.HasPrefix(head[0], "keep ") || head[0] == "head only") {
		directives, head = append(directives, head[0]), head[1:]
	}
	if len(head) == 0 || !strings.Contains(head[0], " /") {
		return nil, nil, "", fmt.Errorf("no request line in %q", top)
	}
	return directives, head, body, nil
}

func (c *client) obey(directive string, s *sent) error {
	if directive == "head only" {
		s.headOnly = true
		return nil
	}
	words := strings.Fields(directive) // keep MEMBER as NAME, of which data.id is that of the last of data
	if len(words) != 4 {
		return fmt.Errorf("%q does not say what to keep as what", directive)
	}
	value := s.header.Get(words[1])
	if value == "" {
		var member any
		if err := json.Unmarshal(s.body, &member); err != nil {
			return fmt.Errorf("%s: reading an answer of %d: %w", directive, s.status, err)
		}
		for name := range strings.SplitSeq(words[1], ".") {
			switch of := member.(type) {
			case map[string]any:
				member = of[name]
			case []any: // the last of them
				member = of[len(of)-1].(map[string]any)[name]
			}
		}
		var ok bool
		if value, ok = member.(string); !ok {
			return fmt.Errorf("%s: there is no such text in the answer: %d %.300s", directive, s.status, s.body)
		}
	}
	c.kept[words[3]] = value
	return nil
}

var (
	variable   = regexp.MustCompile(`\$\{([a-z0-9.-]+)\}`)
	repetition = regexp.MustCompile(`\$\(([^()]*)\*(\d+)\)`)
)

func (c *client) expand(text string) string {
	text = variable.ReplaceAllStringFunc(text, func(found string) string {
		switch name := variable.FindStringSubmatch(found)[1]; name {
		case "now":
			return time.Now().UTC().Format(time.RFC3339Nano)
		case "today":
			return time.Now().UTC().Format(time.DateOnly)
		default:
			return c.kept[name]
		}
	})
	for repetition.MatchString(text) { // the innermost first
		text = repetition.ReplaceAllStringFunc(text, repeat)
	}
	return text
}

func repeat(found string) string {
	parts := repetition.FindStringSubmatch(found)
	n, _ := strconv.Atoi(parts[2]) // digits
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(parts[1], "####", fmt.Sprintf("%04d", i)))
	}
	return b.String()
}

func makeBody(text string) ([]byte, error) {
	directive, rest, _ := strings.Cut(text, "\n")
	var b bytes.Buffer
	switch directive {
	case "@gzip":
		return compress(gzip.NewWriter(&b), &b, rest)
	case "@zstd":
		w, err := zstd.NewWriter(&b)
		if err != nil {
			return nil, fmt.Errorf("compressing a body: %w", err)
		}
		return compress(w, &b, rest)
	case "@quoted":
		raw, err := strconv.Unquote(rest)
		if err != nil {
			return nil, fmt.Errorf("reading the body %s: %w", rest, err)
		}
		return []byte(raw), nil
	case "@sample":
		err := sample.WriteJSON(&b, sample.Generate(sample.August()))
		return b.Bytes(), err
	}
	return []byte(text), nil
}

func compress(w io.WriteCloser, to *bytes.Buffer, text string) ([]byte, error) {
	_, err := io.WriteString(w, text)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("compressing a body: %w", err)
	}
	return to.Bytes(), nil
}
