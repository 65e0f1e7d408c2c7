package otlp

import (
	"fmt"
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
	maxRecord          = 256 << 10
	maxCommon          = 64 << 10 // of a resource or scope
	tooLarge           = `{"record":"too large"}`
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
	of, err := common(raw, resource, &resourcepb.Resource{})
	if err != nil {
		return yield(nil, err) && false
	}
	for raw, err := range messages(raw, scopeLogs) {
		var by []byte
		if err == nil {
			by, err = common(raw, scope, &commonpb.InstrumentationScope{})
		}
		if err != nil {
			return yield(nil, err) && false
		}
		for raw, err := range messages(raw, logRecords) {
			var text []byte
			switch {
			case err != nil:
			case len(raw) > maxRecord:
				text = []byte(tooLarge)
			default:
				text, err = asJSON(raw, &logspb.LogRecord{})
				text = item(of, by, text)
			}
			if !yield(text, err) || err != nil {
				return false
			}
		}
	}
	return true
}

// common returns the JSON of the message that is said of all records below.
func common(raw []byte, field protowire.Number, into proto.Message) (text []byte, err error) {
	for part, err := range messages(raw, field) {
		if err != nil {
			return nil, err
		}
		if len(part) > maxCommon {
			return nil, sdk.Unread("a resource or scope is too large")
		}
		if text, err = asJSON(part, into); err != nil { // of several, the last
			return nil, err
		}
	}
	return text, nil
}

func asJSON(raw []byte, into proto.Message) ([]byte, error) {
	if err := (proto.UnmarshalOptions{RecursionLimit: 200}).Unmarshal(raw, into); err != nil {
		return nil, sdk.Unread(unreadableProtobuf)
	}
	text, err := protojson.Marshal(into)
	if err != nil {
		return nil, fmt.Errorf("writing a record as JSON: %w", err)
	}
	return text, nil
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
