package otlp

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"eventanalytics/services/ingest/intake"
	"eventanalytics/services/ingest/sdk"
	"eventanalytics/services/ingest/sdk/loose"
)

func text(s string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
}

func attribute(key string, v *commonpb.AnyValue) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: v}
}

// TestProtobufAndJSONAreTheSame: a record leads to the same draft in both.
func TestProtobufAndJSONAreTheSame(t *testing.T) {
	t.Parallel()
	request := &collectorpb.ExportLogsServiceRequest{ResourceLogs: []*logspb.ResourceLogs{{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{attribute("service.name", text("shop"))}},
		ScopeLogs: []*logspb.ScopeLogs{{
			Scope: &commonpb.InstrumentationScope{Name: "bar"},
			LogRecords: []*logspb.LogRecord{{
				TimeUnixNano: 1795941403700000001, EventName: "order", Body: text("bought"),
				Attributes: []*commonpb.KeyValue{
					attribute("user.id", text("u1")),
					attribute("n", &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: 1 << 60}}),
					attribute("list", &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{text("a"), {}}}}}),
				},
			}, {}},
		}},
	}}}
	body, err := proto.Marshal(request)
	require.NoError(t, err)
	const inJSON = `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeLogs":[{"scope":{"name":"bar"},"logRecords":[
		{"timeUnixNano":"1795941403700000001","eventName":"order","body":{"stringValue":"bought"},"attributes":[{"key":"user.id","value":{"stringValue":"u1"}},
		{"key":"n","value":{"intValue":1152921504606846976}},{"key":"list","value":{"arrayValue":{"values":[{"stringValue":"a"},{}]}}}]},{}]}]}]}`
	for contentType, body := range map[string][]byte{"application/x-protobuf": body, "application/json": []byte(inJSON)} {
		r := &sdk.Request{HTTP: httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/logs", nil), Body: body}
		r.HTTP.Header.Set("Content-Type", contentType)
		require.NoError(t, read(r))
		var drafts []sdk.Draft
		for raw, err := range r.Items {
			require.NoError(t, err)
			v, err := loose.Parse(raw)
			require.NoError(t, err)
			drafts = append(drafts, decode(v, &sdk.Envelope{}))
		}
		require.Len(t, drafts, 2, contentType)
		d := drafts[0]
		require.Equal(t, []string{"order", "u1", "2026-11-29T08:36:43.700000001Z"}, []string{d.Type, d.Known, d.Time.Text()}, contentType)
		require.JSONEq(t, `{"user.id":"u1","n":1152921504606846976,"list":["a",null],"$body":"bought","$context":{"resource":{"service.name":"shop"},"scope":"bar"}}`, d.Properties.String(), contentType)
		require.Empty(t, drafts[1].Type)
	}
}

// TestUnreadableProtobuf: what is none is refused, and a record that is too large costs
// nothing.
func TestUnreadableProtobuf(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"\x0a\x05", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x0a\x03\x12\x05\x12"} {
		var fault error
		for _, err := range records([]byte(body)) {
			fault = err
		}
		require.Error(t, fault, "%x", body)
	}
	large := &collectorpb.ExportLogsServiceRequest{ResourceLogs: []*logspb.ResourceLogs{{ScopeLogs: []*logspb.ScopeLogs{{
		LogRecords: []*logspb.LogRecord{{EventName: strings.Repeat("x", maxRecord)}},
	}}}}}
	body, err := proto.Marshal(large)
	require.NoError(t, err)
	for raw, err := range records(body) {
		require.NoError(t, err)
		bad := decode(parsed(t, raw), &sdk.Envelope{}).Bad
		require.Equal(t, tooLarge, bad.Reason)
		require.True(t, bad.Cut, "it is not the record as it was sent")
		require.Less(t, len(raw), 64<<10)
	}
}

func parsed(t *testing.T, raw []byte) loose.Value {
	t.Helper()
	v, err := loose.Parse(raw)
	require.NoError(t, err)
	return v
}

// message wraps texts as fields of a message.
func message(field protowire.Number, texts ...string) string {
	var b []byte
	for _, text := range texts {
		b = protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), text)
	}
	return string(b)
}

// TestUnreadableRecord: a record that cannot be read refuses neither the others nor those
// of other resources, and is told from another.
func TestUnreadableRecord(t *testing.T) {
	t.Parallel()
	good, err := proto.Marshal(&logspb.LogRecord{EventName: "e"})
	require.NoError(t, err)
	scopes := message(scopeLogs, message(logRecords, string(good), message(12, "\xff"), "\x0a", "\x0a\x01", string(good)))
	body := message(resourceLogs, scopes, message(resource, "\xff")+message(scopeLogs, message(logRecords, string(good))), scopes)
	var reasons []string
	different := map[string]bool{}
	for raw, err := range records([]byte(body)) {
		require.NoError(t, err)
		d := decode(parsed(t, raw), &sdk.Envelope{})
		if d.Bad == nil {
			require.Equal(t, "e", d.Type)
			reasons = append(reasons, "")
			continue
		}
		reasons = append(reasons, d.Bad.Reason)
		different[string(raw)] = true
	}
	one := []string{"", unreadable, unreadable, unreadable, ""}
	require.Equal(t, slices.Concat(one, []string{unreadable}, one), reasons)
	require.Len(t, different, 4)
}

// TestProtobufAnswers can be read by a client of the protocol.
func TestProtobufAnswers(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/logs", nil)
	r.Header.Set("Content-Type", "application/x-protobuf")
	w := httptest.NewRecorder()
	answer(w, &sdk.Done{Request: &sdk.Request{HTTP: r}, Refused: []intake.Rejected{{Reason: "no-user", Message: "none"}}})
	var got collectorpb.ExportLogsServiceResponse
	require.NoError(t, proto.Unmarshal(w.Body.Bytes(), &got))
	require.EqualValues(t, 1, got.GetPartialSuccess().GetRejectedLogRecords())
	require.Equal(t, "no-user: none", got.GetPartialSuccess().GetErrorMessage())
}
