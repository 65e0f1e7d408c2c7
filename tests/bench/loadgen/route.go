package loadgen

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"

	"eventanalytics/pkg/client"
)

// Route is a protocol by which events are posted.
type Route string

// The routes. Those of SDKs are sent what the server SDKs send: one event to the route
// for one, several to that for batches.
const (
	Native  Route = "native"  // /api/events
	Segment Route = "segment" // /v1/track, /v1/batch
	PostHog Route = "posthog" // /i/v0/e, /batch
)

// form is how events are encoded for a route. It is immutable.
type form struct {
	events     [][]byte // complete except for the id
	idAt       int      // where it is in each
	begin, end string   // around the events of a request

	path   string // empty for the native route
	header http.Header
}

func (f *form) append(dst []byte, events []Sent) []byte {
	dst = append(dst, f.begin...)
	for i, e := range events {
		if i > 0 {
			dst = append(dst, ',')
		}
		at := len(dst) + f.idAt
		dst = append(dst, f.events[e.Event]...)
		putID(dst[at:at+len(placeholder)], e.ID)
	}
	return append(dst, f.end...)
}

// form encodes the pool's events for requests of so many to a route.
func (p *Pool) form(route Route, key string, batch int) (*form, error) {
	f := &form{header: http.Header{"Content-Type": {"application/json"}}}
	var encode func(*native) []byte
	switch route {
	case Native, "":
		return &p.native, nil
	case Segment:
		f.idAt, f.path, f.begin, f.end = len(`{"messageId":"`), "/v1/batch", `{"batch":[`, `]}`
		f.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(key+":")))
		encode = (*native).segment
		if batch == 1 {
			f.path, f.begin, f.end = "/v1/track", "", ""
		}
	case PostHog:
		f.idAt, f.path, f.begin, f.end = len(`{"uuid":"`), "/batch", `{"api_key":"`+key+`","batch":[`, `]}`
		f.header["X-Api-Key"] = nil // the key is in the body alone
		encode = func(e *native) []byte { return e.posthog("") }
		if batch == 1 {
			f.path, f.begin, f.end = "/i/v0/e", "", ""
			encode = func(e *native) []byte { return e.posthog(`,"api_key":"` + key + `"`) }
		}
	default:
		return nil, fmt.Errorf("there is no route %q", route)
	}
	for _, text := range p.native.events {
		var e native
		if err := json.Unmarshal(text, &e); err != nil {
			return nil, fmt.Errorf("encoding an event for %s: %w", route, err)
		}
		f.events = append(f.events, encode(&e))
	}
	return f, nil
}

// native is an event of the pool.
type native struct {
	At         json.RawMessage `json:"occurred_at"`
	User       json.RawMessage `json:"user_id"`
	Type       json.RawMessage `json:"event_type"`
	Properties json.RawMessage `json:"properties_json"`
}

func (e *native) segment() []byte {
	return fmt.Appendf(nil, `{"messageId":"%s","timestamp":%s,"userId":%s,"event":%s,"type":"track","context":{"library":{"name":"@segment/analytics-node","version":"3.1.0"}},"properties":%s}`,
		placeholder, e.At, e.User, e.Type, e.Properties)
}

func (e *native) posthog(key string) []byte {
	properties := `{"$lib":"posthog-node","$lib_version":"5.70.0",` + string(e.Properties[1:])
	return fmt.Appendf(nil, `{"uuid":"%s","timestamp":%s,"distinct_id":%s,"event":%s,"properties":%s%s}`,
		placeholder, e.At, e.User, e.Type, properties, key)
}

// post sends a body and returns the status of the answer, 0 for none.
func (f *form) post(ctx context.Context, c *client.Client, body []byte) int {
	answer, err := c.Do(ctx, client.Request{Method: http.MethodPost, Path: f.path, Header: f.header, Body: bytes.NewReader(body)})
	if err != nil {
		return 0
	}
	return answer.Status
}
