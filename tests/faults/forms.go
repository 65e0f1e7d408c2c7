package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"eventanalytics/pkg/client"
)

// form is a way to send an upload.
type form struct {
	path   string
	stored int // the status of an answer that says that it is stored
	encode func(*upload) []byte
	read   func(*entry, *client.Response, *upload) error // what such an answer says
}

var (
	native = &form{"/api/events", http.StatusAccepted, encode, (*entry).readReceipt}
	// segment is how the SDKs of Segment send, and those of RudderStack: invalid events go
	// to the quarantine, and there are operations.
	segmentSDK = &form{"/v1/batch", http.StatusOK, encodeMessages, (*entry).readSuccess}
)

// encode writes a JSON array of events, the invalid ones between the others.
func encode(u *upload) []byte {
	var b bytes.Buffer
	b.WriteByte('[')
	for i, e := range u.events {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"event_id":"%s","occurred_at":"%s","user_id":%s,"event_type":%s`,
			e.ID, e.At.Format(time.RFC3339Nano), quote(e.User), quote(e.Type))
		if e.Props != "" {
			fmt.Fprintf(&b, `,"properties":%s`, e.Props)
		}
		b.WriteByte('}')
		if i < len(u.invalid) {
			fmt.Fprintf(&b, `,{"event_id":"%s","occurred_at":"2025-09-01T00:00:00Z","user_id":"x"}`, u.invalid[i])
		}
	}
	b.WriteByte(']')
	return b.Bytes()
}

// encodeMessages writes a batch of Segment's messages: first the operations, then the events,
// the invalid ones between the others. It says no sentAt: a service whose clock is off would
// correct the events' times by it, as it should.
func encodeMessages(u *upload) []byte {
	var b bytes.Buffer
	b.WriteString(`{"batch":[`)
	for _, id := range u.operations {
		fmt.Fprintf(&b, `{"type":"identify","messageId":"%s","timestamp":"2025-09-01T00:00:00Z","userId":"user-1","anonymousId":"%s","traits":{"plan":"pro"}},`, id, deviceOf(id))
	}
	for i, e := range u.events {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"type":"track","messageId":"%s","timestamp":"%s","userId":%s,"event":%s`,
			e.ID, e.At.Format(time.RFC3339Nano), quote(e.User), quote(e.Type))
		if e.Props != "" {
			fmt.Fprintf(&b, `,"properties":%s`, e.Props)
		}
		b.WriteByte('}')
		if i < len(u.invalid) {
			fmt.Fprintf(&b, `,{"type":"track","messageId":"%s","timestamp":"2025-09-01T00:00:00Z","event":"nobody's"}`, u.invalid[i])
		}
	}
	b.WriteString("]}")
	return b.Bytes()
}

// deviceOf is an id without events that an operation links to a user: it changes no number.
func deviceOf(operation uuid.UUID) string { return "device-" + operation.String() }

func quote(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // of a string
	}
	return b
}

// readReceipt reads an answer to POST /api/events.
func (e *entry) readReceipt(r *client.Response, u *upload) error {
	var a client.Receipt
	if err := json.Unmarshal(r.Body, &a); err != nil {
		return failed("answers", "reading %s: %w", r.Body, err)
	}
	events, invalid := len(u.events), len(u.invalid)
	if a.Events != events+invalid || a.Rejected != invalid || a.Accepted+a.Duplicates != events || len(a.Errors) != invalid {
		return failed("answers", "to %d events and %d invalid ones: %s", events, invalid, r.Body)
	}
	e.Accepted, e.Position = a.Accepted, a.Position
	return nil
}

// readSuccess reads an answer to a batch of messages, which tells no numbers.
func (e *entry) readSuccess(r *client.Response, _ *upload) error {
	var a struct{ Success bool }
	if err := json.Unmarshal(r.Body, &a); err != nil || !a.Success {
		return failed("answers", "to a batch of messages: %s", r.Body)
	}
	if e.Position = r.Header.Get("X-Position"); e.Position == "" {
		return failed("answers", "to a batch of messages: no position")
	}
	return nil
}
