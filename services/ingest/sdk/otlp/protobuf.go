package otlp

import (
	"iter"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"eventanalytics/services/ingest/sdk"
)

// Numbers of the fields of the messages around a record. They are read one by one: an
// empty record takes two bytes of a body, and hundreds once it is unmarshalled.
const (
	resourceLogs       = 1 // of ExportLogsServiceRequest
	resource           = 1 // of ResourceLogs
	scopeLogs          = 2
	scope              = 1 // of ScopeLogs
	logRecords         = 2
	unreadableProtobuf = "the body is not an ExportLogsServiceRequest"
)

// records makes the JSON of each record in a request.
func records(body []byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for raw, err := range messages(body, resourceLogs) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !recordsOfResource(raw, yield) {
				return
			}
		}
	}
}

func recordsOfResource(raw []byte, yield func([]byte, error) bool) bool {
	ofResource, err := common(raw, resource, &resourcepb.Resource{})
	if err != nil {
		return yield(nil, err) && false
	}
	for raw, err := range messages(raw, scopeLogs) {
		var ofScope part
		if err == nil {
			ofScope, err = common(raw, scope, &commonpb.InstrumentationScope{})
		}
		if err != nil {
			return yield(nil, err) && false
		}
		for raw, err := range messages(raw, logRecords) {
			var text []byte
			if err == nil {
				text = recordItem(ofResource, ofScope, raw)
			}
			if !yield(text, err) || err != nil {
				return false
			}
		}
	}
	return true
}

// part is a resource or scope: its JSON, or why it has none.
type part struct {
	raw, text []byte
	reason    string
}

// recordItem makes the item of a record. One that cannot be read refuses itself alone, not
// the others of its request.
func recordItem(ofResource, ofScope part, raw []byte) []byte {
	record := asJSON(raw, maxRecord, &logspb.LogRecord{})
	for _, p := range []part{ofResource, ofScope, record} {
		if p.reason != "" {
			return unread(p.reason, ofResource.raw, ofScope.raw, raw)
		}
	}
	of := around{resource: ofResource.text, scope: ofScope.text}
	return of.item(record.text)
}

// common reads the message that is said of all records below.
func common(raw []byte, field protowire.Number, into proto.Message) (of part, err error) {
	for raw, err := range messages(raw, field) {
		if err != nil {
			return of, err
		}
		of = asJSON(raw, maxCommon, into) // of several, the last
	}
	return of, nil
}

// asJSON reads a message of at most some bytes.
func asJSON(raw []byte, most int, into proto.Message) part {
	p := part{raw: raw}
	if len(raw) > most {
		p.reason = tooLarge
		return p
	}
	err := proto.UnmarshalOptions{RecursionLimit: 200}.Unmarshal(raw, into)
	if err == nil {
		p.text, err = protojson.Marshal(into)
	}
	if err != nil {
		p.reason = unreadable
	}
	return p
}

// messages returns the fields of one number in a message, each a message itself.
func messages(raw []byte, field protowire.Number) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for len(raw) > 0 {
			number, kind, n := protowire.ConsumeTag(raw)
			if n < 0 {
				yield(nil, sdk.Unread(unreadableProtobuf))
				return
			}
			raw = raw[n:]
			n = protowire.ConsumeFieldValue(number, kind, raw)
			if n < 0 {
				yield(nil, sdk.Unread(unreadableProtobuf))
				return
			}
			if number == field && kind == protowire.BytesType {
				part, _ := protowire.ConsumeBytes(raw)
				if !yield(part, nil) {
					return
				}
			}
			raw = raw[n:]
		}
	}
}
