package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Problem is an answer that refuses a request. The service says why in the form
// of RFC 9457; from anything else, such as a proxy's page, only the status is
// known.
//
//nolint:errname // RFC 9457 calls it a problem
type Problem struct {
	Status int
	// Code is stable, such as invalid-parameter; empty when the answer was not in
	// the service's form.
	Code     string
	Title    string
	Detail   string       // what is wrong, for people
	Instance string       // id of the request, as in X-Request-Id
	Fields   []FieldError // each thing that is wrong
	Omitted  int          // how many more things are wrong than Fields lists
	Header   http.Header  // of the answer
}

// FieldError names one thing that is wrong with a request, or with an event in
// it.
type FieldError struct {
	Index   *int   `json:"index"` // of the event in the upload, from 0; nil when it is about none
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (p *Problem) Error() string {
	if p.Code == "" {
		return fmt.Sprintf("the service answered %d %s", p.Status, http.StatusText(p.Status))
	}
	return fmt.Sprintf("the service answered %d %s: %s", p.Status, p.Code, p.Detail)
}

const typePrefix = "/problems/"

// Problem reads the answer as a refusal.
func (r *Response) Problem() *Problem {
	p := &Problem{Status: r.Status, Header: r.Header}
	var body struct {
		Type     string       `json:"type"`
		Title    string       `json:"title"`
		Detail   string       `json:"detail"`
		Instance string       `json:"instance"`
		Errors   []FieldError `json:"errors"`
		Omitted  int          `json:"errors_omitted"`
	}
	if json.Unmarshal(r.Body, &body) == nil {
		p.Code, _ = strings.CutPrefix(body.Type, typePrefix)
		p.Title, p.Detail, p.Instance, p.Fields, p.Omitted = body.Title, body.Detail, body.Instance, body.Errors, body.Omitted
	}
	return p
}

// transient says that the same request may succeed later.
func (p *Problem) transient() bool {
	return p.unread() || p.Status >= http.StatusInternalServerError ||
		p.Status == http.StatusConflict && p.Code == "in-progress"
}

// unread says that the service did not look at the request.
func (p *Problem) unread() bool {
	return p.Status == http.StatusTooManyRequests || p.Status == http.StatusRequestTimeout
}

// RetryAfter returns when the answer asks for the request to be sent again: after
// so many seconds or at a date. ok is false when it does not say.
func (p *Problem) RetryAfter() (after time.Duration, ok bool) {
	text := p.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at)), true
	}
	return 0, false
}
