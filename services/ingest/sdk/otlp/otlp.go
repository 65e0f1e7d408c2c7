// Package otlp is the OpenTelemetry protocol for logs over HTTP: a log record with an
// event name is an event.
package otlp

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"mime"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"eventanalytics/services/ingest/sdk"
	"eventanalytics/services/ingest/sdk/loose"
)

// New is the protocol.
func New() *sdk.Protocol {
	return &sdk.Protocol{
		Name: "otlp", Decode: decode,
		Routes: []sdk.Route{{
			ID: "otlp-logs", Method: http.MethodPost, Path: "/v1/logs", Summary: "OpenTelemetry: send log records",
			Description: "As JSON or protobuf. Records with an event name and a user are events; the others are counted in partialSuccess.",
			Read:        read, Answer: answer, Refuse: refuse, Plain: true,
		}},
	}
}

func isProtobuf(r *http.Request) bool {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && (media == "application/x-protobuf" || media == "application/protobuf")
}

func read(r *sdk.Request) error {
	if isProtobuf(r.HTTP) {
		r.Items = records(r.Body)
		return nil
	}
	fields, err := loose.Fields(r.Body, "resourceLogs", "resource_logs")
	if err != nil {
		return err
	}
	r.Items = func(yield func([]byte, error) bool) {
		for raw, err := range loose.Split(orEmpty(fields, "resourceLogs", "resource_logs")) {
			if err == nil && !ofResource(raw, yield) {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
	return nil
}

// orEmpty returns a member that is an array, under either of its names.
func orEmpty(fields map[string][]byte, names ...string) []byte {
	for _, name := range names {
		if len(fields[name]) > 0 {
			return fields[name]
		}
	}
	return []byte("[]")
}

// ofResource makes an item of each record of a resource, with what is said of all of them.
func ofResource(raw []byte, yield func([]byte, error) bool) bool {
	fields, err := loose.Fields(raw, "resource", "scopeLogs", "scope_logs")
	if err != nil {
		return yield(nil, err)
	}
	of := around{resource: fields["resource"]}
	for raw, err := range loose.Split(orEmpty(fields, "scopeLogs", "scope_logs")) {
		var scope map[string][]byte
		if err == nil {
			scope, err = loose.Fields(raw, "scope", "logRecords", "log_records")
		}
		if err != nil {
			return yield(nil, err)
		}
		of.scope = scope["scope"]
		for record, err := range loose.Split(orEmpty(scope, "logRecords", "log_records")) {
			if !yield(of.item(record), err) || err != nil {
				return false
			}
		}
	}
	return true
}

const (
	maxRecord = sdk.MaxItem
	maxCommon = 64 << 10 // of a resource or scope, which each of its records has
)

// around is what is said of a record by the messages that it is in.
type around struct {
	resource, scope []byte // JSON
}

// item is the JSON of a record with its resource and scope.
func (a *around) item(record []byte) []byte {
	if len(a.resource) > maxCommon || len(a.scope) > maxCommon {
		return unread(tooLarge, a.resource, a.scope, record)
	}
	b := append(make([]byte, 0, len(a.resource)+len(a.scope)+len(record)+40), `{"resource":`...)
	b = append(b, orNull(a.resource)...)
	b = append(append(b, `,"scope":`...), orNull(a.scope)...)
	b = append(append(b, `,"record":`...), orNull(record)...)
	return append(b, '}')
}

// Reasons for which a record is not read, and what people are told.
const (
	tooLarge   = "properties-too-large"
	unreadable = "unreadable"
)

var whyUnread = map[string]string{
	tooLarge:   "a record with its resource and scope may have at most 256 KiB, each of these 64 KiB",
	unreadable: "the record, its resource or its scope is not of the protocol",
}

// unread is the item of a record that is not read, for the quarantine: the beginning of
// the record, and a hash by which it is told from others.
func unread(reason string, parts ...[]byte) []byte {
	const kept = 32 << 10
	hash := sha256.New()
	for _, part := range parts {
		hash.Write(part)
		hash.Write([]byte{0})
	}
	record := parts[len(parts)-1]
	item := loose.Empty()
	item.Set("unread", loose.Text(reason))
	item.Set("sha256", loose.Text(hex.EncodeToString(hash.Sum(nil))))
	item.Set("record", loose.Text(base64.StdEncoding.EncodeToString(record[:min(len(record), kept)])))
	return item.Append(nil)
}

func orNull(text []byte) []byte {
	if len(text) == 0 {
		return []byte("null")
	}
	return text
}

func decode(m loose.Value, _ *sdk.Envelope) sdk.Draft {
	record := m.Get("record")
	attributes := members(record.Get("attributes"))
	text := func(names ...string) string { return attributes.First(names...).ID() }
	d := sdk.Draft{
		Type: record.First("eventName", "event_name").ID(), Known: text("user.id", "enduser.id"), Anonymous: text("session.id"),
		ID: text("event.id", "log.record.uid"), Timed: true, Uncorrected: true, Properties: attributes,
	}
	d.Identify("", d.Known)
	if d.Type == "" {
		d.Type = text("event.name")
	}
	if reason := m.Get("unread").Text(); reason != "" {
		d.Bad = &sdk.Bad{Reason: reason, Message: whyUnread[reason], Cut: true}
	} else if record.Kind() != loose.Object {
		d.Bad = &sdk.Bad{Reason: "not-an-object", Message: "a log record must be an object"}
	}
	for _, name := range []string{"timeUnixNano", "time_unix_nano", "observedTimeUnixNano", "observed_time_unix_nano"} {
		if ns, err := strconv.ParseInt(record.Get(name).ID(), 10, 64); err == nil && ns > 0 {
			d.Time = loose.Text(time.Unix(0, ns).UTC().Format(time.RFC3339Nano))
			break
		}
	}
	context := loose.Empty()
	if all := members(m.At("resource", "attributes")); all.Len() > 0 {
		context.Set("resource", all)
	}
	if name := m.At("scope", "name"); name.Text() != "" {
		context.Set("scope", name)
	}
	for _, name := range []string{"severityText", "severityNumber", "traceId", "spanId"} {
		context.Add(name, record.First(name))
	}
	d.Envelope(sdk.Member{Name: "$body", Value: value(record.Get("body"))})
	if context.Len() > 0 {
		d.Envelope(sdk.Member{Name: "$context", Value: context})
	}
	return d
}

// members turns a list of keys and values into an object.
func members(list loose.Value) loose.Value {
	object := loose.Empty()
	for _, m := range list.Items() {
		v := value(m.Get("value"))
		if !v.Is() {
			v = loose.Nothing
		}
		object.Set(m.Get("key").Text(), v)
	}
	return object
}

// value is that of an AnyValue; None when it is empty.
func value(v loose.Value) loose.Value {
	for kind, m := range v.Members() {
		switch kind {
		case "stringValue", "string_value", "boolValue", "bool_value", "doubleValue", "double_value", "bytesValue", "bytes_value":
			return m
		case "intValue", "int_value":
			if m.Kind() == loose.String { // 64-bit numbers are texts in protobuf's JSON
				if _, err := strconv.ParseInt(m.Text(), 10, 64); err == nil {
					return loose.Digits(m.Text())
				}
			}
			return m
		case "arrayValue", "array_value":
			items := make([]loose.Value, 0, m.Get("values").Len())
			for _, one := range m.Get("values").Items() {
				one = value(one)
				if !one.Is() {
					one = loose.Nothing
				}
				items = append(items, one)
			}
			return loose.ListOf(items...)
		case "kvlistValue", "kvlist_value":
			return members(m.Get("values"))
		}
	}
	return loose.Value{}
}

// answer counts the records that are no events.
func answer(w http.ResponseWriter, d *sdk.Done) {
	rejected, message := len(d.Refused), ""
	if rejected > 0 {
		message = d.Refused[0].Reason + ": " + d.Refused[0].Message
	}
	if isProtobuf(d.Request.HTTP) {
		var partial, b []byte
		if rejected > 0 {
			partial = protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(rejected))
			partial = protowire.AppendString(protowire.AppendTag(partial, 2, protowire.BytesType), message)
			b = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial)
		}
		sdk.Write(w, http.StatusOK, "application/x-protobuf", b)
		return
	}
	partial := map[string]any{}
	if rejected > 0 { // 64-bit numbers are texts in protobuf's JSON
		partial = map[string]any{"rejectedLogRecords": strconv.Itoa(rejected), "errorMessage": message}
	}
	sdk.WriteJSON(w, http.StatusOK, map[string]any{"partialSuccess": partial})
}

// refuse writes a google.rpc.Status.
func refuse(w http.ResponseWriter, r *sdk.RefusalError) {
	code := map[sdk.Cause]int{sdk.BadKey: 16, sdk.BadOrigin: 7, sdk.Unreadable: 3, sdk.TooLarge: 3, sdk.SlowDown: 8, sdk.Away: 14}[r.Cause]
	status := r.Status(http.StatusTooManyRequests)
	if isProtobuf(r.Request.HTTP) {
		b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(code))
		b = protowire.AppendString(protowire.AppendTag(b, 2, protowire.BytesType), r.Message)
		sdk.Write(w, status, "application/x-protobuf", b)
		return
	}
	sdk.WriteJSON(w, status, struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}{code, r.Message})
}
