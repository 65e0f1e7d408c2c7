package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/api"
	"eventanalytics/tests/harness/stack"
)

// refusal is a body that must be refused as a whole. The id is that of the
// event the body would store if the refusal leaked.
type refusal struct {
	row     int
	name    string
	body    func(id string) string
	headers []string
	status  int
	code    string // suffix of the problem's type
	field   string // of the first of its errors; empty: any
}

func text(s string) func(string) string { return func(string) string { return s } }

// with replaces one field of an otherwise valid event.
func with(field, value string) func(string) string {
	return func(id string) string { return array(event(id, field, value)) }
}

func encoded(encode func(string) string, body string) func(string) string {
	return func(string) string { return encode(body) }
}

var refusals = []refusal{
	{row: 1, name: "empty body", body: text(""), status: 400, code: "malformed-json"},
	{row: 2, name: "null", body: text("null"), status: 400, code: "malformed-json"},
	{row: 2, name: "a number", body: text("42"), status: 400, code: "malformed-json"},
	{row: 2, name: "a string", body: text(`"x"`), status: 400, code: "malformed-json"},
	{row: 3, name: "no events", body: text("[]"), status: 422, code: "empty-batch"},
	{row: 4, name: "truncated", body: func(id string) string { return strings.TrimSuffix(array(event(id), event(newID())), "}]") }, status: 400, code: "malformed-json"},
	{row: 4, name: "truncated at the end of many", body: truncatedLate, status: 400, code: "malformed-json"},
	{row: 5, name: "trailing data", body: func(id string) string { return array(event(id)) + " []" }, status: 400, code: "malformed-json"},
	{row: 5, name: "two arrays", body: text("[] []"), status: 400, code: "malformed-json"},
	{row: 6, name: "a field twice", body: func(id string) string {
		return array(strings.Replace(event(id), "{", `{"event_id":"`+newID()+`",`, 1))
	}, status: 422, code: "duplicate-key", field: "event_id"},
	{row: 6, name: "a property twice", body: with("properties", `{"a":1,"a":2}`), status: 422, code: "duplicate-key", field: "properties"},
	{row: 7, name: "a field in upper case", body: func(id string) string { return array(event(id, "event_id", "", "EVENT_ID", quote(id))) }, status: 422, code: "unknown-field", field: "EVENT_ID"},
	{row: 7, name: "an unknown field", body: with("colour", `"red"`), status: 422, code: "unknown-field", field: "colour"},
	{row: 8, name: "bad UTF-8", body: with("event_type", "\"\xff\""), status: 400, code: "malformed-json"},
	{row: 8, name: "a byte order mark", body: func(id string) string { return "\ufeff" + array(event(id)) }, status: 400, code: "malformed-json"},
	{row: 8, name: "a lone surrogate", body: with("event_type", `"\ud800"`), status: 422, code: "invalid-character", field: "event_type"},
	{row: 8, name: "half an emoji in a property", body: with("properties", `{"title":"Hi \ud83d"}`), status: 422, code: "invalid-character", field: "properties"},
	{row: 9, name: "NUL in a name", body: with("event_type", `"a\u0000"`), status: 422, code: "invalid-character", field: "event_type"},
	{row: 9, name: "NUL in a user", body: with("user_id", `"a\u0000"`), status: 422, code: "invalid-character", field: "user_id"},
	{row: 9, name: "NUL in a property", body: with("properties", `{"a":"\u0000"}`), status: 422, code: "invalid-character", field: "properties"},
	{row: 10, name: "33 levels", body: with("properties", nested(33)), status: 422, code: "too-deep"},
	{row: 10, name: "10,001 levels", body: with("properties", nested(10_001)), status: 422, code: "too-deep"},
	{row: 11, name: "1e400", body: with("properties", `{"n":1e400}`), status: 422, code: "number-out-of-range"},
	{row: 11, name: "4,000 digits", body: with("properties", `{"n":`+strings.Repeat("9", 4000)+`}`), status: 422, code: "number-out-of-range"},
	{row: 12, name: "no event_id", body: with("event_id", ""), status: 422, code: "missing-field", field: "event_id"},
	{row: 12, name: "event_id a number", body: with("event_id", "7"), status: 422, code: "invalid-uuid", field: "event_id"},
	{row: 12, name: "event_id null", body: with("event_id", "null"), status: 422, code: "invalid-uuid", field: "event_id"},
	{row: 12, name: "the nil UUID", body: with("event_id", `"00000000-0000-0000-0000-000000000000"`), status: 422, code: "invalid-uuid", field: "event_id"},
	{row: 12, name: "35 characters", body: func(id string) string { return array(event(id[:35])) }, status: 422, code: "invalid-uuid", field: "event_id"},
	{row: 12, name: "braces", body: func(id string) string { return array(event("{" + id + "}")) }, status: 422, code: "invalid-uuid", field: "event_id"},
	{row: 17, name: "30 February", body: with("occurred_at", `"2025-02-30T00:00:00Z"`), status: 422, code: "invalid-timestamp", field: "occurred_at"},
	{row: 17, name: "hour 24", body: with("occurred_at", `"2025-08-01T24:00:00Z"`), status: 422, code: "invalid-timestamp"},
	{row: 17, name: "second 60", body: with("occurred_at", `"2025-08-01T23:59:60Z"`), status: 422, code: "invalid-timestamp"},
	{row: 17, name: "comma in the fraction", body: with("occurred_at", `"2025-08-01T10:00:00,5Z"`), status: 422, code: "invalid-timestamp"},
	{row: 17, name: "year 0", body: with("occurred_at", `"0000-01-01T00:00:00Z"`), status: 422, code: "invalid-timestamp", field: "occurred_at"},
	{row: 17, name: "year 10000", body: with("occurred_at", `"10000-01-01T00:00:00Z"`), status: 422, code: "invalid-timestamp"},
	{row: 17, name: "a date", body: with("occurred_at", `"2025-08-01"`), status: 422, code: "invalid-timestamp"},
	{row: 17, name: "seconds since 1970", body: with("occurred_at", `1754042400`), status: 422, code: "invalid-timestamp"},
	{row: 18, name: "25 hours ahead", body: func(id string) string {
		return array(event(id, "occurred_at", quote(time.Now().Add(25*time.Hour).UTC().Format(time.RFC3339))))
	}, status: 422, code: "timestamp-in-future", field: "occurred_at"},
	{row: 19, name: "user 1.5", body: with("user_id", "1.5"), status: 422, code: "invalid-field", field: "user_id"},
	{row: 19, name: "user 1e3", body: with("user_id", "1e3"), status: 422, code: "invalid-field", field: "user_id"},
	{row: 19, name: "user true", body: with("user_id", "true"), status: 422, code: "invalid-field", field: "user_id"},
	{row: 19, name: "user empty", body: with("user_id", `""`), status: 422, code: "invalid-field", field: "user_id"},
	{row: 19, name: "user of 201 characters", body: with("user_id", quote(strings.Repeat("я", 201))), status: 422, code: "invalid-field", field: "user_id"},
	{row: 19, name: "user an object", body: with("user_id", "{}"), status: 422, code: "invalid-field", field: "user_id"},
	{row: 19, name: "user null", body: func(id string) string { return array(event(id, "user_id", "null")) }, status: 422, code: "invalid-field", field: "user_id"},
	{row: 21, name: "type empty", body: with("event_type", `""`), status: 422, code: "invalid-field", field: "event_type"},
	{row: 21, name: "type of 201 characters", body: with("event_type", quote(strings.Repeat("x", 201))), status: 422, code: "invalid-field", field: "event_type"},
	{row: 21, name: "type with a control character", body: with("event_type", `"a\u0007"`), status: 422, code: "invalid-character", field: "event_type"},
	{row: 22, name: "properties an array", body: with("properties", "[]"), status: 422, code: "invalid-field", field: "properties"},
	{row: 22, name: "properties a string", body: with("properties", `"x"`), status: 422, code: "invalid-field", field: "properties"},
	{row: 22, name: "properties of 33 KiB", body: with("properties", `{"a":"`+strings.Repeat("x", 33<<10)+`"}`), status: 422, code: "too-large", field: "properties"},
	{row: 22, name: "properties twice", body: func(id string) string { return array(event(id, "properties", "{}", "properties_json", "{}")) }, status: 422, code: "ambiguous-field"},
	{row: 24, name: "250,001 events", body: manyEvents, status: 413, code: "too-large"},
	{row: 24, name: "a byte over 64 MiB", body: overlong, status: 413, code: "too-large"},
	{row: 25, name: "gzip bomb", body: encoded(gzipped, strings.Repeat(" ", 80<<20)), headers: []string{"Content-Encoding", "gzip"}, status: 413, code: "too-large"},
	{row: 25, name: "zstd bomb", body: encoded(zstandard, strings.Repeat(" ", 80<<20)), headers: []string{"Content-Encoding", "zstd"}, status: 413, code: "too-large"},
	{row: 25, name: "truncated gzip", body: func(id string) string { s := gzipped(array(event(id))); return s[:len(s)-6] }, headers: []string{"Content-Encoding", "gzip"}, status: 400, code: "malformed-encoding"},
	{row: 25, name: "gzip of garbage", body: encoded(gzipped, "garbage"), headers: []string{"Content-Encoding", "gzip"}, status: 400, code: "malformed-json"},
	{row: 25, name: "no gzip at all", body: func(id string) string { return array(event(id)) }, headers: []string{"Content-Encoding", "gzip"}, status: 400, code: "malformed-encoding"},
	{row: 25, name: "brotli", body: func(id string) string { return array(event(id)) }, headers: []string{"Content-Encoding", "br"}, status: 415, code: "unsupported-encoding"},
	{row: 25, name: "gzip in gzip", body: func(id string) string { return gzipped(gzipped(array(event(id)))) }, headers: []string{"Content-Encoding", "gzip, gzip"}, status: 415, code: "unsupported-encoding"},
	{row: 26, name: "XML", body: func(id string) string { return array(event(id)) }, headers: []string{"Content-Type", "application/xml"}, status: 415, code: "unsupported-media-type"},
	{row: 31, name: "key of 201 characters", body: func(id string) string { return array(event(id)) }, headers: []string{"Idempotency-Key", strings.Repeat("k", 201)}, status: 422, code: "invalid-parameter"},
}

func (r refusal) ask(t *testing.T, c *caller) {
	p := c.Send(t, r.body(newID()), r.headers...).Is(t, r.status, r.code).Problem(t)
	if r.field != "" {
		require.NotEmpty(t, p.Fields)
		require.Equal(t, r.field, p.Fields[0].Field)
	}
}

func truncatedLate(id string) string {
	var b strings.Builder
	b.WriteString("[" + event(id))
	for range 99_998 {
		b.WriteString("," + event(newID()))
	}
	return b.String() + `,{"event_id":"`
}

func manyEvents(id string) string {
	var b strings.Builder
	b.WriteString("[" + event(id))
	for range 250_000 {
		b.WriteString("," + event(newID()))
	}
	return b.String() + "]"
}

func overlong(id string) string {
	one := event(id)
	return "[" + one + strings.Repeat(" ", 64<<20-len(one)-1) + "]"
}

func gzipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s)) // into memory
	_ = w.Close()
	return b.String()
}

func zstandard(s string) string {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err) // no options, no error
	}
	return string(w.EncodeAll([]byte(s), nil))
}

// oddEvents must be taken as they are, or need more than a body to be refused.
var oddEvents = []badInput{
	{row: 8, name: "half an emoji and a repeated key among 1,000", stored: 997, ask: func(t *testing.T, c *caller) {
		events := make([]string, 1000)
		for i := range events {
			events[i] = event(newID())
		}
		events[7] = event(newID(), "properties", `{"title":"Hi \ud83d"}`)
		events[500] = event(newID(), "properties", `{"a":1,"a":2}`)
		events[999] = event(newID(), "properties", nested(10_001))
		r := c.Upload(t, array(events...))
		require.Equal(t, []int{997, 3}, []int{r.Accepted, r.Rejected})
		for i, want := range []struct {
			index int
			code  string
		}{{7, "invalid-character"}, {500, "duplicate-key"}, {999, "too-deep"}} {
			require.Equal(t, want.index, *r.Errors[i].Index)
			require.Equal(t, want.code, r.Errors[i].Code)
		}
	}},
	{row: 11, name: "2^53+1", stored: 1, ask: func(t *testing.T, c *caller) {
		id := newID()
		r := c.Upload(t, event(id, "properties", `{"n":9007199254740993}`))
		require.Equal(t, `{"n":9007199254740993}`, string(stored(t, c, r.Position, id).Properties))
	}},
	{row: 13, name: "upper case is the same id", stored: 1, ask: func(t *testing.T, c *caller) {
		id := newID()
		require.Equal(t, 1, c.Upload(t, event(strings.ToUpper(id))).Accepted)
		require.Equal(t, 1, c.Upload(t, event(id)).Duplicates)
	}},
	{row: 14, name: "an id twice in a batch", stored: 1, ask: func(t *testing.T, c *caller) {
		one := event(newID())
		r := c.Upload(t, array(one, one))
		require.Equal(t, []int{1, 1}, []int{r.Accepted, r.Duplicates})
		require.Empty(t, r.Errors)
	}},
	{row: 15, name: "an id with other content", stored: 2, ask: func(t *testing.T, c *caller) {
		id := newID()
		c.Upload(t, event(id))
		r := c.Upload(t, array(event(newID()), event(id, "user_id", "2")))
		require.Equal(t, []int{1, 1}, []int{r.Accepted, r.Duplicates})
		require.Len(t, r.Errors, 1)
		require.Equal(t, "conflict", r.Errors[0].Code)
		require.Equal(t, 1, *r.Errors[0].Index)
		sendAtomic(t, c, array(event(newID()), event(id, "user_id", "3"))).Is(t, 409, "conflict")
		require.Equal(t, "1", stored(t, c, r.Position, id).UserID, "the first content stays")
	}},
	{row: 15, name: "the same content in another spelling", stored: 1, ask: func(t *testing.T, c *caller) {
		id := newID()
		c.Upload(t, event(id, "properties", `{"price":10,"city":"Zürich"}`))
		r := c.Upload(t, event(id, "properties", `{ "city": "Z\u00fcrich", "price": 10.0 }`))
		require.Equal(t, 1, r.Duplicates)
		require.Empty(t, r.Errors)
		sendAtomic(t, c, event(id, "properties", `{"price":1e1,"city":"Zürich"}`)).Is(t, 202, "")
		require.JSONEq(t, `{"price":10,"city":"Zürich"}`, string(stored(t, c, r.Position, id).Properties), "the first spelling stays")
	}},
	{row: 16, name: "an id in two projects", stored: 2, ask: func(t *testing.T, c *caller) {
		id := newID()
		require.Equal(t, 1, c.Upload(t, event(id)).Accepted)
		require.Equal(t, 1, newUser(t, c.URL()).Upload(t, event(id)).Accepted)
	}},
	{row: 20, name: `42 is "42"`, stored: 2, ask: func(t *testing.T, c *caller) {
		d := newUser(t, c.URL())
		r := d.Upload(t, array(event(newID(), "user_id", "42"), event(newID(), "user_id", `"42"`)))
		days := api.Rows[struct{ DAU int }](t, d, r.Position, "/api/stats/dau", "from", "2025-08-01", "to", "2025-08-01")
		require.Equal(t, 1, days[0].DAU)
	}},
	{row: 23, name: "strange text comes back literally", stored: len(strangeTexts), ask: func(t *testing.T, c *caller) {
		for _, strange := range strangeTexts {
			comesBack(t, c, strange)
		}
	}},
	{row: 24, name: "a byte over 64 MiB, chunked", ask: func(t *testing.T, c *caller) {
		chunked := struct{ io.Reader }{strings.NewReader(overlong(newID()))} // no length known
		c.Do(t, http.MethodPost, "/api/events", chunked, "Content-Type", "application/json").Is(t, 413, "too-large")
	}},
	{row: 26, name: "no Content-Type", stored: 1, ask: func(t *testing.T, c *caller) {
		require.Equal(t, 1, c.Upload(t, event(newID()), "Content-Type", "").Accepted)
	}},
	{row: 27, name: "one bad event among 1,000", stored: 999, ask: func(t *testing.T, c *caller) {
		d := newUser(t, c.URL())
		r := d.Upload(t, oneBadOf(1000, 617))
		require.Equal(t, []int{999, 1}, []int{r.Accepted, r.Rejected})
		require.Len(t, r.Errors, 1)
		require.Equal(t, 617, *r.Errors[0].Index)
		require.Equal(t, "occurred_at", r.Errors[0].Field)
		require.Len(t, latest(t, d, r.Position), 999)
	}},
	{row: 27, name: "one bad event among 1,000, atomic", ask: func(t *testing.T, c *caller) {
		p := sendAtomic(t, c, oneBadOf(1000, 617)).Is(t, 422, "invalid-timestamp").Problem(t)
		require.Equal(t, 617, *p.Fields[0].Index)
		require.Equal(t, "occurred_at", p.Fields[0].Field)
	}},
	{row: 28, name: "150 bad events among 200", stored: 50, ask: func(t *testing.T, c *caller) {
		r := c.Upload(t, badOf(150, 200))
		require.Equal(t, []int{50, 150, 50}, []int{r.Accepted, r.Rejected, r.Omitted})
		require.Len(t, r.Errors, 100)
	}},
	{row: 28, name: "150 bad events", ask: func(t *testing.T, c *caller) {
		p := c.Send(t, badOf(150, 150)).Is(t, 422, "invalid-field").Problem(t)
		require.Len(t, p.Fields, 100)
		require.Equal(t, 50, p.Omitted)
	}},
	{row: 29, name: "PUT and DELETE", ask: func(t *testing.T, c *caller) {
		for _, method := range []string{http.MethodPut, http.MethodDelete} {
			a := c.Do(t, method, "/api/events", strings.NewReader(event(newID()))).Is(t, 405, "method-not-allowed")
			require.Contains(t, a.Header.Get("Allow"), "POST")
		}
	}},
	{row: 31, name: "a key makes an upload repeatable", stored: 1, ask: func(t *testing.T, c *caller) {
		body, key := event(newID()), []string{"Idempotency-Key", newID()}
		first := c.Send(t, body, key...).Is(t, 202, "")
		again := c.Send(t, body, key...).Is(t, 202, "")
		require.Empty(t, first.Header.Get("Idempotency-Replayed"))
		require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
		require.JSONEq(t, string(first.Body), string(again.Body))
		c.Send(t, event(newID()), key...).Is(t, 409, "idempotency-key-reused")
	}},
}

func sendAtomic(t *testing.T, c *caller, body string) *answer {
	t.Helper()
	return c.Do(t, http.MethodPost, "/api/events?atomic=true", strings.NewReader(body), "Content-Type", "application/json")
}

// oneBadOf makes n events, of which the one at the index is bad.
func oneBadOf(n, index int) string {
	events := make([]string, n)
	for i := range events {
		events[i] = event(newID())
	}
	events[index] = event(newID(), "occurred_at", `"soon"`)
	return array(events...)
}

// badOf makes n events, of which the first ones are bad.
func badOf(bad, n int) string {
	events := make([]string, n)
	for i := range events {
		events[i] = event(newID())
		if i < bad {
			events[i] = event(newID(), "event_type", "7")
		}
	}
	return array(events...)
}

var strangeTexts = []string{
	"__proto__", "'; DROP TABLE analytics.users; --", "<script>alert(1)</script>", "👩‍👩‍👧 e\u0301", "שלום \u202e", "a\tb\nc\\d", "$events {{events}} %s",
}

// comesBack stores a text wherever an event has one, and reads it.
func comesBack(t *testing.T, c *caller, strange string) {
	t.Helper()
	id := newID()
	b, err := json.Marshal(strange)
	require.NoError(t, err)
	kind := string(b)
	if strings.ContainsAny(strange, "\t\n") { // not in a type
		kind = `"odd"`
	}
	properties := fmt.Sprintf(`{%s:%s}`, b, b)
	r := c.Upload(t, event(id, "user_id", string(b), "event_type", kind, "properties", properties))
	e := stored(t, c, r.Position, id)
	require.Equal(t, strange, e.UserID)
	require.Equal(t, quoted(t, kind), e.Type)
	require.JSONEq(t, properties, string(e.Properties))
}

// TestForms sends events in each form that an upload may have.
func TestForms(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := newUser(t, s.URL)
		require.Equal(t, 2, c.Upload(t, `{"events":`+array(event(newID()), event(newID()))+`}`).Accepted)
		require.Equal(t, 2, c.Upload(t, event(newID())+"\n"+event(newID())+"\n", "Content-Type", "application/x-ndjson").Accepted)
		require.Equal(t, 1, c.Upload(t, gzipped(event(newID())), "Content-Encoding", "gzip").Accepted)
		require.Equal(t, 1, c.Upload(t, zstandard(event(newID())), "Content-Encoding", "zstd").Accepted)
	})
}

func quoted(t *testing.T, text string) (s string) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), &s))
	return s
}

// stored returns an event as of an upload.
func stored(t *testing.T, c *caller, position, id string) storedEvent {
	t.Helper()
	list := api.Rows[storedEvent](t, c, position, "/api/stats/events/"+id)
	require.Len(t, list, 1)
	require.Equal(t, id, list[0].ID)
	return list[0]
}
